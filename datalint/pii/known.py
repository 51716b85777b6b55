"""What is nobody's: names of examples, public resolvers, test cards, and the numbers of registries and textbooks."""
# ruff: noqa: SIM905 - words in lines are easier to read and to add to than one a line

# ---- e-mail ----

# RFC 2606 and RFC 6761, names within a network, and what follows `@` in a file's name.
NO_TLD = frozenset("example test invalid localhost local lan internal png jpg jpeg gif svg webp js css html".split())
# The name below the top level that everybody takes for an example.
NO_HOST = frozenset(
    """
    example examples test testing tests sample placeholder domain mydomain otherdomain anotherdomain company mycompany
    website mywebsite mysite site host hostname server organization email foo bar baz foobar abc xyz abcd something
    somewhere provider emailprovider
    """.split()
)
NOBODY = frozenset(
    """
    you 123 1234 12345 user username user1 user2 someone somebody anyone example test test1 tester email e-mail mail
    myemail name firstname lastname firstname.lastname first.last recipient sender receiver from to foo bar abc xyz xxx
    git noreply no-reply no_reply donotreply do-not-reply mailer-daemon
    """.split()
)

# ---- IPv4: resolvers that everybody may ask, and the addresses of introductions ----

KNOWN_ADDRESSES = frozenset(
    """
    8.8.8.8 8.8.4.4 1.1.1.1 1.0.0.1 9.9.9.9 149.112.112.112 208.67.222.222 208.67.220.220 94.140.14.14 94.140.15.15
    76.76.2.0 4.2.2.1 4.2.2.2 64.6.64.6 114.114.114.114 223.5.5.5 223.6.6.6 119.29.29.29
    123.45.67.89 12.34.56.78 11.22.33.44 98.76.54.32 123.123.123.123
    """.split()
)

# ---- cards of payment providers' test systems, IBANs of the registry, social security numbers of advertisements ----

PUBLISHED_NUMBERS = frozenset(
    """
    4111111111111111 4242424242424242 4012888888881881 4222222222222 4000056655665556 5555555555554444
    5105105105105100 2223003122003222 2223000048400011 5200828282828210 378282246310005 371449635398431
    378734493671000 6011111111111117 6011000990139424 30569309025904 38520000023237 36227206271667
    3530111333300000 3566002020360505 4539578763621486 4532015112830366 4716059245847301 5425233430109903
    DE89370400440532013000 GB82WEST12345698765432 GB29NWBK60161331926819 GB33BUKB20201555555555
    FR1420041010050500013M02606 FR7630006000011234567890189 ES9121000418450200051332 NL91ABNA0417164300
    IT60X0542811101000000123456 BE68539007547034 CH9300762011623852957 AT611904300234573201 IE29AIBK93115212345678
    SE4550000000058398257466 NO9386011117947 DK5000400440116243 PL61109010140000071219812874
    078051120 123456789 219099999 457555462
    """.split()
)

# ---- IBAN: length -> countries (SWIFT's registry) ----

IBAN_LENGTHS = {
    code: length
    for length, codes in (
        (15, "NO"),
        (16, "BE"),
        (18, "DK FK FI FO GL NL SD"),
        (19, "MK SI"),
        (20, "AT BA EE KZ LT LU MN XK"),
        (21, "CH CR HR LI LV"),
        (22, "BG BH DE GB GE IE ME RS VA"),
        (23, "AE GI IL IQ OM SO TL"),
        (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
        (25, "LY PT ST"),
        (26, "IS TR"),
        (27, "BI DJ FR GR IT MC MR SM"),
        (28, "AL AZ BY CY DO GT HU LB NI PL SV"),
        (29, "BR EG PS QA UA"),
        (30, "JO KW MU YE"),
        (31, "MT SC"),
        (32, "LC"),
        (33, "RU"),
    )
    for code in codes.split()
}
