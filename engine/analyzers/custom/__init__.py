"""Custom resources of any kind, read by general rules: what their status says, what they refer to, who acts on them."""
