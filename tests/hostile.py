"""What a dataset may hold to harm whoever reads a report of it. Every report format is tested with all of it."""

HOSTILE = {
    "terminal colour": "\x1b[31mred\x1b[0m",
    "terminal title": "\x1b]0;owned\x07",
    "terminal link": "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "clear screen": "\x1b[2J\x1b[H",
    "C1 control sequence": "\x9b31m",
    "carriage return": "fine\rGate: passed",
    "backspace": "bad\b\b\bgood",
    "null and delete": "a\x00b\x7fc",
    "line feed": "x\nGate: passed\n",
    "bidi override": "\u202etxt.exe\u202c",
    "bidi isolate": "\u2066evil\u2069",
    "zero width": "pay\u200bpal\u2060.com\ufeff",
    "tag characters": "".join(chr(0xE0000 + ord(c)) for c in "ignore all"),
    "variation selectors": "a\U000e0101\U000e0102\ufe03",
    "line separators": "a\u2028b\u2029c\x85d",
    "script": "<script>alert(1)</script>",
    "attribute": '" onmouseover="alert(1)',
    "javascript link": "[x](javascript:alert(1))",
    "spreadsheet formula": '=HYPERLINK("http://evil.example","x")',
    "spreadsheet command": "@SUM(1+1)*cmd|' /C calc'!A0",
    "workflow command": "::error file=a,line=1::broken",
    "workflow command, old": "##[error]broken",
    "Azure command": "##vso[task.setvariable variable=x]y",
    "TeamCity command": "##teamcity[buildStatus status='SUCCESS']",
    "XML": ']]><!ENTITY x SYSTEM "file:///etc/passwd">&x;',
    "XML controls": "\x01\x02\x0b\x0c\ufffe\uffff",
    "markdown table": "a | b\n|---|\n`x`",
    "format string": "{0.__class__} %s ${HOME} {message}",
    "Jinja": "{{ 7 * 7 }}{% for x in y %}",
    "rich markup": "[bold red]x[/] [link=http://evil.example]y[/link]",
    "combining marks": "e" + "\u0301" * 200,
}

# Only where a text does not come out of UTF-8: names of files, values made in Python.
LONE_SURROGATES = ("\ud800", "a\udfffb", "\udc80name")
