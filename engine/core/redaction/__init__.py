"""How secrets are recognised: `patterns` by their own shape and the key beside them, `structure` by where they stand in a manifest."""
