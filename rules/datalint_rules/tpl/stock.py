"""Stock chat templates, known by a digest of their text."""

import xxhash

# Digests of the templates in trl/chat_templates (TRL f2cd577) of which there is a copy with generation markers.
_NAMES = {
    "70030d47d420498e": "cohere2",
    "62507bcd2e3bf746": "cohere",
    "56a138c31521e7c8": "deepseekv3",
    "6ebfc3d340d692c5": "diffusion_gemma",
    "d9c620dcaf86f38d": "gemma3",
    "2c2e86beabccd2a4": "gemma",
    "a59a37db2b6d44d1": "glm4moe",
    "b619f5c43a935065": "gptoss",
    "462f2b9bdcaf396a": "idefics3",
    "9a759f31d2cc23b5": "lfm2",
    "9799ad6e2dea0594": "llama3",
    "e0e4ebff14316be1": "llava_next",
    "f44bce180f7f274d": "nemotron_3_nano",
    "450ca704f00e546f": "nemotron_3_super",
    "dd23cf4bd0fdd75a": "nemotron_3_ultra",
    "cd8aff863abd4554": "phi3_5",
    "82fc89c04c54ba66": "phi3",
    "2469c9508f79506e": "qwen2_5",
    "d63c0ab8ac046a45": "qwen2_5_vl",
    "ea7113e61d9a8bcf": "qwen3_5_nothink",
    "0ed0a1d8b9d7e0be": "qwen3_5_think",
    "579b2c2e5ecdae85": "qwen3_6",
    "8fb5d937b1e8f5d0": "qwen3_instruct_2507",
    "c9e0155c80737cf2": "qwen3",
    "a6c9c2c4e7ca9522": "qwen3_vl",
}


def stock_name(source: str) -> str | None:
    """TRL's name of a template that it has a training copy of, white space at the ends aside; None for others."""
    return _NAMES.get(xxhash.xxh3_64_hexdigest(source.strip().encode("utf-8", "surrogatepass")))
