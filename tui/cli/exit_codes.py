"""The exit codes of the `k8sagent` command, which scripts rely on."""

OK, FINDINGS, USAGE, UNREACHABLE, REFUSED, FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP came: ends like ctrl+c, with everything stopped, and then by the signal itself."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum
