"""An order to exact commands, in steps."""
