"""Texts that clusters and models may hold, and the characters that must never reach the terminal."""

HOSTILE = {
    "markup": "[bold red]x[/bold red][/] [@click=app.quit]y[/]",
    "invisible": "a\x1b[2J\x1b]0;owned\x07b\x9bc \u202egnp.exe\u202c \u2066x\u2069 ze\u200bro\u200d\ufeffwidth\u00ad",
    "scripts": "🔥👩‍👩‍👧‍👦❤️ 🇩🇪 שלום-api-עולם Z" + "\u0301\u0302\u0303\u0304" * 50 + "algo " + "注文サービス" * 30,
    "huge": "n" * 10_000,
    "lines": "one\ntwo\r\nthree\tfour",
}
MOVING = {
    chr(code)
    for first, last in ((0, 0x1F), (0x7F, 0x9F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0xFEFF, 0xFEFF))
    for code in range(first, last + 1)
}
