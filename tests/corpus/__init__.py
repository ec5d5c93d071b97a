"""Records of known verdict: what the judge must say about each is data (entries/), one line each."""
