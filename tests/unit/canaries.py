"""Twenty made-up secrets of the kinds that a platform has, some with every character that gets escaped."""

CANARIES = (
    "canary-login-for-postgres",
    "fR2x_mN8vQ-4kLw7zTb1YhJ6pCs3dGa0",
    "AKIACANARY0000SUMAC0",
    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYCANARYKEY0",
    'quote"turmeric"the-key-7781',
    "apostrophe's-and-`ticks`-9034",
    "a-saffron-back\\slash\\new\\tab",
    "a-fennel0-per%41cent%2Fsigns",
    "ampersand&lt;and<tags>-3317",
    "white space cinnamon key 6620",
    "p@$$w0rd!#{}[]()*^~;:?-cardamom",
    "pässwörd-ünd-grüße-tarragon",
    "schlüssel-mit-✓-und-🔑-marjoram",
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLWNhbmFyeQ",
    "5f4dcc3b5aa765d61d8327deb882cf99",
    "https://hooks.example/services/T000/B000/canarycanary",
    "postgres://shop:canary@db:5432/shop?x=1",
    "==padding==looking==nutmeg77==",
    "plus+and+plus+and/fenugreek/7745",
    """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCanaryCanaryCana
ryCanaryCanaryCanaryCanaryCanaryCanaryhRANCAASCanaryCanaryCanary
CanaryCanaryCanary0123456789CanaryCanary
-----END PRIVATE KEY-----
""",
)
