"""Lists kept current by watches: one informer a kind and scope, shared by whoever needs it and stopped when nobody does."""
