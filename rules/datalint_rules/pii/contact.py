"""PII001."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.pii import CONTACTS, find, redact, suspects
from datalint.rule import Fix, Found, Rule, Sample, none, option
from datalint_rules.pii.places import found_in, rewritten

_JSON = '{"to": "maria.kowalski@posteo.net", "n": 1}'


@dataclass(frozen=True)
class Contact(Rule):
    """A text says where a person is reached: an e-mail address, a telephone number, a public IPv4 address.

    ## What it does
    Looks in every text that training reads: conversations with their tool calls, prompts, answers, labels; in rows of
    unknown format in all. E-mail addresses of examples (`example.*`, `test.*`, `user@domain.com`, `your-name@...`), of
    automata (`noreply@`), Gmail's of fewer characters than it gives out (`bob@`) and logins in URLs are none. Telephone
    numbers count in international (`+44 20 ...`) and North American form, other national forms beside a word like
    "phone" or "call"; 555-01xx and other numbers of fiction, dummies (123-456-7890) and toll-free numbers do not. IPv4
    addresses of private and reserved networks, well-known resolvers (8.8.8.8, 1.1.1.1) and version numbers (v1.2.3.4)
    are no addresses of anybody. No report shows what was found.

    ## Why is this bad?
    A model repeats what it was trained on, to whoever asks. A person has not agreed to be called by its users, and
    data protection law (GDPR, CCPA) gives everybody the right to be taken out again, which a trained model cannot do.

    ## Example
    `Of course! Write to Maria at m.kowalski@posteo.net or call +1 212-780-8491.`

    ## Fix safety
    Unsafe: `[EMAIL]`, `[PHONE]` or `[IP]` takes the place of each, and the text around it stays. An answer that was
    about the address may make less sense than before.

    ## Options
    - `allow`: what may stand there.

    ## References
    RFC 2606 and RFC 6761 (names of examples), ITU-T E.164, the North American Numbering Plan, IANA's registry of
    special IPv4 addresses. Dolma tags the same three, DataTrove and Data-Juicer mask e-mail and IP addresses; Carlini
    et al. 2021, arXiv 2012.07805, on models that recite what they have seen.
    """

    code, name = "PII001", "contact"
    severity = "warning"
    message = "{kind}: {preview}"
    fix = Fix("rewrite", "unsafe")
    fix_title = "puts [EMAIL], [PHONE] or [IP] in its place"
    bad = [
        [{"prompt": "Who is it?", "completion": "Write to m.kowalski@posteo.net, or maria@uni-ulm.de."}],
        [{"messages": [{"role": "user", "content": "Call +1 212-780-8491 (or 030 901820)."}]}],
        [{"instruction": "Rufen Sie an", "output": "Telefon: 030 901 8204, mobil +49 170 3918274"}],
        [{"text": "Fax (404) 394-1570, ask for Jo"}, {"text": "我的手机号是13858291604，谢谢"}],
        [{"prompt": "Which server?", "completion": "ssh root@195.206.132.199 -p 22"}],
        [
            {
                "messages": [
                    {"role": "user", "content": "Mail it."},
                    {
                        "role": "assistant",
                        "content": "",
                        "tool_calls": [{"function": {"name": "mail", "arguments": _JSON}}],
                    },
                ]
            }
        ],
        Sample(
            files={"train.jsonl": [{"text": "jo@acme-tools.io or jo@posteo.net"}]},
            options={"rules": {"PII001": {"allow": ["acme-tools.io"]}}},
        ),
    ]
    good = [
        [{"prompt": "An e-mail?", "completion": "jane@example.com, a@test.org, you@mail.example.co.uk, x@corp.test"}],
        [{"text": "user@domain.com, your.name@gmail.com, noreply@github.com, git@github.com:org/repo.git"}],
        [{"prompt": "Parse it: alice@example.com, bob@gmail.com, d.a.n+news@gmail.com", "completion": "Done."}],
        [{"text": "@app.route('/'), @pytest.fixture, mAP@0.5, uses: ci@v0.2, logo@2x.png, ftp://me:pass@ftp.host.net"}],
        [{"text": "Call 212-555-0142, (555) 123-4567, 123-456-7890, 1-800-273-8255 or +1 650 555 0199."}],
        [{"text": "The phone costs 1200 000; in 2019-2020 we made 300-400 calls on 2021-03-14 at 10:30-11:30."}],
        [{"text": "472547338 + 960397912423686 = 960398384971024; pi is 3.141592653589793, 100-200-3000"}],
        [{"text": "ping 8.8.8.8 and 1.1.1.1, bind 0.0.0.0, 192.168.1.1, 10.1.2.3, 203.0.113.7; see 4.1.2.3"}],
        [{"text": "pip install foo==21.35.84.1, Chrome/120.0.6099.71, version 96.44.51.20, v93.184.216.34"}],
        [{"prompt": "a", "completion": "b", "author": "m.kowalski@posteo.net"}],
        Sample(
            files={"train.jsonl": [{"text": "support@acme-tools.io, +1 (212) 780-8491, 195.206.132.199"}]},
            options={"rules": {"PII001": {"allow": ["acme-tools.io", "+1 212 780 8491", "195.206.132.199"]}}},
        ),
    ]

    allow: tuple[str, ...] = option((), "What may stand there: addresses, domains with all below them, numbers.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        some = chunk.texts[suspects(chunk.texts["text"], CONTACTS)]
        found = [
            (row, pointer, one.start, one.end, one.kind, one.preview[-80:])
            for row, pointer, _, one in found_in(chunk, some, lambda text: find(text, CONTACTS, self.allow))
        ]
        if not found:
            return none()
        return pl.DataFrame(found, schema=["row", "pointer", "start", "end", "kind", "preview"], orient="row")

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        return rewritten(row, found, lambda text: redact(text, CONTACTS, self.allow))
