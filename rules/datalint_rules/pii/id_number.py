"""PII002."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.pii import ID_NUMBERS, find, redact, suspects
from datalint.rule import Fix, Found, Rule, none
from datalint_rules.pii.places import found_in, rewritten

_JSON = '{"card": 4929381332664295, "note": "of 5425 2334 3010 9903"}'


@dataclass(frozen=True)
class IdNumber(Rule):
    """A text holds a number that stands for a person: a payment card's, an IBAN, a US social security number.

    ## What it does
    Looks in every text that training reads (as PII001 does) for numbers that prove themselves: cards by their network's
    prefix, length and Luhn's check digit; IBANs by their country, its length and the check digits; social security
    numbers by the areas, groups and serials that are given out. Digits that are part of an address or of a longer
    number are none. Numbers that everybody may know (test cards of payment providers, examples of the IBAN registry,
    123-45-6789) are told as info. No report shows the number.

    ## Why is this bad?
    A model repeats what it was trained on: whoever may ask it may ask for the card. These numbers are enough to pay,
    or to borrow, in a person's name, and storing them is a breach of PCI DSS or of data protection law.

    ## Example
    `I was charged twice on 4929 3813 3266 4295, please refund it.`

    ## Fix safety
    Unsafe: `[CARD]`, `[IBAN]` or `[SSN]` takes the place of the number, and the text around it stays; a bare number
    in JSON becomes 0. An answer that was about the number may make less sense than before.

    ## Options
    None.

    ## References
    ISO/IEC 7812-1 (cards), ISO 13616 and SWIFT's IBAN registry, the Social Security Administration on its numbers.
    """

    code, name = "PII002", "id-number"
    severity = "error"
    message = "{kind}{note}: {preview}"
    fix = Fix("rewrite", "unsafe")
    fix_title = "puts [CARD], [IBAN] or [SSN] in its place"
    bad = [
        [{"prompt": "Refund 4929 3813 3266 4295, please.", "completion": "Done."}],
        [{"messages": [{"role": "user", "content": "My card is 347415977307943. IBAN gb59ifue40226315499137."}]}],
        [{"text": "SSN: 460-89-9847"}, {"text": "social security number 460899847"}],
        [{"text": "Pay to GB59 IFUE 4022 6315 4991 37."}],
        [
            {
                "messages": [
                    {"role": "user", "content": "Pay."},
                    {
                        "role": "assistant",
                        "content": "",
                        "tool_calls": [{"function": {"name": "pay", "arguments": _JSON}}],
                    },
                ]
            }
        ],
        [{"text": "A test card: 4242 4242 4242 4242"}],
    ]
    good = [
        [{"text": "4929 3813 3266 4296 fails Luhn; 9929381332664297 has no network."}],
        [{"text": "https://shop.net/orders/4929381332664295 and 0.4929381332664295, file_4929381332664295"}],
        [{"text": "IBAN GB58 IFUE 4022 6315 4991 37 has a wrong check digit; FP16 with mixed precision training"}],
        [{"text": "000-12-3456, 666-12-3456, 912-34-5678, 460-00-9847, 460-89-0000; part 1460-89-98470"}],
        [{"text": "ISBN 9780143126560, 2024-01-15 2024, tracking 1Z999AA10123456784, account 00632000001783"}],
        [{"prompt": "a", "completion": "b", "id": "4929381332664295"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        some = chunk.texts[suspects(chunk.texts["text"], ID_NUMBERS)]
        found = [
            (row, pointer, one.start, one.end, one.kind, one.published, one.preview)
            for row, pointer, _, one in found_in(chunk, some, lambda text: find(text, ID_NUMBERS))
        ]
        if not found:
            return none()
        schema = ["row", "pointer", "start", "end", "kind", "published", "preview"]
        return pl.DataFrame(found, schema=schema, orient="row").select(
            "row",
            "pointer",
            "start",
            "end",
            "kind",
            "preview",
            severity=pl.when("published").then(pl.lit("info")).otherwise(pl.lit("error")),
            note=pl.when("published").then(pl.lit(" of an example")).otherwise(pl.lit("")),
        )

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        return rewritten(row, found, lambda text: redact(text, ID_NUMBERS))
