"""Record -> verdict -> table, HTML, JUnit, JSON. Reads folders only; needs no cluster and no other package of ours."""
