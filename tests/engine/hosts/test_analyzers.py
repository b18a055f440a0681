"""What each host analyzer says of realistic output: the fault by its cause with the line that shows it, and nothing on a healthy host."""

# ruff: noqa: E501 - output of commands stands as it is printed
from __future__ import annotations

import re

import pytest
from fakes.hosts import CHRONY, HEALTHY, ZONES, absent, bundle, services, unit

from engine.core.types import Finding
from engine.hosts.bundle import Reply
from engine.hosts.check import check_host
from engine.hosts.probes import probes


def findings(**changes: str | Reply | bool | float) -> dict[str, Finding]:
    """The findings beyond remarks, by code."""
    report = check_host(bundle(**changes))  # type: ignore[arg-type]
    return {finding.code: finding for finding in report.findings if finding.severity != "info"}


def kernel_line(text: str, at: str = "2026-11-27T09:58:00+0000") -> str:
    return f"{at} worker-1 kernel: {text}"


def kubelet_line(text: str, at: str = "2026-11-27T09:59:30+0000") -> str:
    return f"{at} worker-1 kubelet[1201]: {text}"


def df(line: str) -> str:
    head, *rest = HEALTHY["disks"].splitlines()
    mount = line.split()[-1]
    return "\n".join([head, line, *(row for row in rest if row.split()[-1] != mount)])


def test_a_healthy_worker_has_no_finding_and_no_remark() -> None:
    report = check_host(bundle())
    assert report.findings == ()
    assert report.unseen == ()


def test_a_plain_server_without_kubernetes_has_no_finding() -> None:
    blocks = {name: absent(f"{name}.service") for name in ("kubelet", "containerd", "firewalld")}
    changes = {
        "services": services(**blocks),
        "sysctl": "net.ipv4.ip_forward = 0\nkernel.pid_max = 4194304",
        "health": Reply("curl: (7) Failed to connect to 127.0.0.1 port 10248: Connection refused", 7),
        "firewalld": Reply("FirewallD is not running", 252),
        "journal-kubelet": "-- No entries --",
    }
    assert check_host(bundle(node=False, **{k.replace("-", "_"): v for k, v in changes.items()})).findings == ()


def test_a_host_without_systemd_or_tools_is_not_called_unhealthy_and_says_what_is_not_available() -> None:
    replies = {probe.key: Reply(f"sh: 1: {probe.argv[0]}: not found", 127) for probe in probes() if probe.argv[0] not in ("cat", "date")}
    report = check_host(bundle(node=False, **{key.replace("-", "_"): reply for key, reply in replies.items()}))
    assert [f for f in report.findings if f.severity != "info"] == []
    assert "chronyc" in report.unseen[0]
    assert "not installed, so not checked" in report.unseen[0]


def test_what_needs_root_is_one_finding_that_names_it_and_never_silence() -> None:
    report = check_host(
        bundle(
            dmesg=Reply("dmesg: read kernel buffer failed: Operation not permitted", 1),
            denials=Reply("NOTE - using logs in /var/log/audit\nError opening /var/log/audit/audit.log (Permission denied)", 1),
            iptables=Reply("iptables v1.8.8 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)", 4),
            journal_errors="Hint: You are currently not seeing messages from other users and the system.\n      Users in groups 'adm', 'systemd-journal', 'wheel' can see all messages.\n-- No entries --",
        )
    )
    (finding,) = report.findings
    assert (finding.code, finding.severity) == ("CannotSee", "info")
    for words in ("the kernel's messages", "SELinux denials", "packet filter rules", "errors in the journal"):
        assert words in finding.summary
    assert "sudo" in finding.remedies[0].text


def test_one_mount_that_df_may_not_look_at_leaves_the_rest() -> None:
    line = "/dev/mapper/rhel-containers xfs   104806400 101662208   3144192      97% /var/lib/containerd"
    found = findings(disks=Reply(f"df: /run/user/1000/doc: Operation not permitted\n{df(line)}", 1))
    assert set(found) == {"FilesystemFull"}


@pytest.mark.parametrize(
    ("blocks", "code", "words"),
    [
        ({"kubelet": unit("kubelet.service", "activating", "auto-restart", Result="exit-code", ExecMainStatus="1", NRestarts="214")}, "KubeletDown", "restarted 214 times"),
        ({"kubelet": unit("kubelet.service", "inactive", "dead")}, "KubeletDown", "inactive/dead"),
        ({"kubelet": unit("kubelet.service", NRestarts="9", ActiveEnterTimestamp="Fri 2026-11-27 09:57:00 UTC")}, "KubeletRestarting", "9 times"),
        ({"containerd": unit("containerd.service", "failed", "failed", Result="signal")}, "RuntimeDown", "result signal"),
    ],
)  # fmt: skip
def test_kubelet_and_runtime_are_told_with_their_state(blocks: dict[str, str], code: str, words: str) -> None:
    found = findings(services=services(**blocks), health=Reply("", 7))
    assert words in found[code].summary
    assert found[code].evidence[0].excerpt.startswith("Id=")
    assert any("journalctl -u" in remedy.text for remedy in found[code].remedies)
    assert not any(remedy.command for remedy in found[code].remedies), "a command for a host is never offered to run here"


def test_k3s_brings_its_own_runtime() -> None:
    blocks = {
        "kubelet": absent("kubelet.service"),
        "containerd": unit("containerd.service", "inactive", "dead"),
        "k3s": unit("k3s.service"),
    }
    assert findings(services=services(**blocks)) == {}


def test_a_kubelet_that_runs_and_is_not_healthy() -> None:
    assert "reports itself unhealthy" in findings(health=Reply("[-]syncloop failed: reason withheld", 0))["KubeletUnhealthy"].summary


def test_failed_units_are_one_finding_and_a_missing_crash_kernel_is_no_alarm() -> None:
    rows = "httpd.service loaded failed failed The Apache HTTP Server\nkdump.service loaded failed failed Crash recovery kernel arming"
    assert "httpd.service, kdump.service" in findings(failed=rows)["UnitFailed"].summary
    assert findings(failed=rows.splitlines()[1]) == {}


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ('E1127 09:59:30.1 1 run.go:74] "command failed" err="failed to run Kubelet: running with swap on is not supported, please disable swap! or set --fail-swap-on flag to false."', "KubeletSwapOn", "swap is on"),
        ('E1127 09:59:30.1 1 run.go:74] "command failed" err="failed to load kubelet config file, path: /var/lib/kubelet/config.yaml, error: open /var/lib/kubelet/config.yaml: no such file or directory"', "KubeletConfigMissing", "no configuration"),
        ('E1127 09:59:30.1 1 run.go:74] "command failed" err="failed to parse kubelet flag: unknown flag: --network-plugin"', "KubeletFlagUnknown", "--network-plugin"),
        ('E1127 09:59:30.1 1 server.go:302] "Failed to run kubelet" err="failed to run Kubelet: misconfiguration: kubelet cgroup driver: \\"systemd\\" is different from docker cgroup driver: \\"cgroupfs\\""', "CgroupDriverMismatch", "cgroup driver"),
        ('E1127 09:59:30.1 1 run.go:72] "command failed" err="part of the existing bootstrap client certificate in /etc/kubernetes/kubelet.conf is expired: 2026-11-20 10:12:31 +0000 UTC"', "KubeletCertificateExpired", "expired"),
        ('E1127 09:59:30.1 1 run.go:74] "command failed" err="failed to run Kubelet: validate service connection: CRI v1 runtime API is not implemented for endpoint \\"unix:///run/containerd/containerd.sock\\""', "RuntimeUnreachable", "container runtime"),
        ('E1127 09:59:30.1 1 server.go:242] "Failed to start kubelet" err="listen tcp 0.0.0.0:10250: bind: address already in use"', "KubeletPortInUse", "port 10250"),
    ],
)  # fmt: skip
def test_why_a_kubelet_does_not_start_is_told_and_explains_that_it_is_down(text: str, code: str, words: str) -> None:
    down = services(kubelet=unit("kubelet.service", "activating", "auto-restart", Result="exit-code"))
    found = findings(services=down, journal_kubelet=kubelet_line(text), health=Reply("", 7))
    assert words in found[code].summary
    assert found[code].evidence[0].excerpt.endswith(text[-60:])
    assert found[code].id in found["KubeletDown"].causes
    if found[code].severity == "critical":
        assert found[code] == next(iter(found.values())), "the cause stands before what it explains"


def test_what_kept_a_kubelet_from_starting_is_over_once_it_runs() -> None:
    assert findings(journal_kubelet=kubelet_line('err="failed to run Kubelet: running with swap on is not supported"')) == {}


@pytest.mark.parametrize(
    ("lines", "code", "words"),
    [
        (['E1127 1 reflector.go:150] Get "https://10.0.0.10:6443/api/v1/nodes": dial tcp 10.0.0.10:6443: connect: no route to host'] * 3, "ApiServerUnreachable", "no route to host"),
        (['E1127 1 kubelet.go:2345] "Skipping pod synchronization" err="PLEG is not healthy: pleg was last seen active 3m12s ago; threshold is 3m0s"'], "PlegUnhealthy", "3m12s"),
        (['E1127 1 kubelet.go:2902] "Container runtime network not ready" networkReady="NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized"'] * 2, "CniNotReady", "pod network"),
        (['I1127 1 eviction_manager.go:366] "Eviction manager: must evict pod(s) to reclaim" resourceName="ephemeral-storage"'], "KubeletEvicts", "ephemeral-storage"),
        (['E1127 1 kubelet.go:1500] "Image garbage collection failed multiple times in a row" err="failed to garbage collect required amount of images. Attempted to free 8589934592 bytes, but only found 0 bytes eligible to free."'], "ImageGCFailed", "8589934592"),
        (['E1127 1 controller.go:145] "Failed to ensure lease exists" err="Unauthorized"'], "NodeUnauthorized", "identity"),
        (['E1127 1 watcher.go:152] "Failed to watch" err="error creating fsnotify watcher: too many open files"'], "InotifyExhausted", "inotify"),
    ],
)  # fmt: skip
def test_what_a_running_kubelet_complains_of(lines: list[str], code: str, words: str) -> None:
    found = findings(journal_kubelet="\n".join(kubelet_line(line) for line in lines))
    assert words in found[code].summary
    assert set(found) == {code}


def test_old_complaints_of_a_running_kubelet_are_history() -> None:
    line = kubelet_line('err="PLEG is not healthy: pleg was last seen active 3m12s ago"', at="2026-11-27T07:00:00+0000")
    assert findings(journal_kubelet=line) == {}


def test_a_full_image_disk_names_the_mount_what_is_left_and_why_it_matters() -> None:
    line = "/dev/mapper/rhel-containers xfs   104806400 101662208   3144192      97% /var/lib/containerd"
    finding = findings(disks=df(line))["FilesystemFull"]
    assert finding.severity == "critical"
    assert finding.summary.startswith("worker-1: /var/lib/containerd is 97 % full (3.0 GiB of 100.0 GiB left)")
    assert "evicts pods" in finding.summary
    assert finding.evidence[0].excerpt == line
    assert "df -P -T -k" in finding.evidence[0].source
    assert finding.object.kind == "Node"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/dev/mapper/rhel-root xfs 73364480 66028032 7336448 90% /", "critical"),  # the kubelet's own file system
        ("/dev/sdb1 xfs 10737418240 10200547328 536870912 95% /srv/backup", ""),  # 512 GiB are left
        ("/dev/sda2 xfs 1038336 986419 51917 95% /boot", ""),
        ("/dev/sda2 xfs 1038336 1017569 20767 98% /boot", "warning"),
        ("overlay overlay 73364480 73364480 0 100% /run/containerd/io.containerd.runtime.v2.task/k8s.io/ab/rootfs", ""),
        ("/dev/sr0 iso9660 9912 9912 0 100% /mnt/cd", ""),
        ("/dev/mapper/rhel-containers xfs 104806400 90000000 14806400 86% /var/lib/containerd", "warning"),
    ],
)
def test_how_full_is_full_depends_on_what_lies_there(line: str, expected: str) -> None:
    found = findings(disks=df(line))
    assert (found["FilesystemFull"].severity if found else "") == expected


def test_inodes_run_out_although_there_is_space() -> None:
    rows = HEALTHY["inodes"].replace("912344 51516456    2%", "52428790       10  100%")
    finding = findings(inodes=rows)["InodesExhausted"]
    assert "10 of 52428800 inodes left" in finding.summary


def test_a_file_system_that_the_kernel_made_read_only() -> None:
    mounts = HEALTHY["mounts"].replace(
        "/dev/mapper/rhel-containers /var/lib/containerd xfs rw", "/dev/mapper/rhel-containers /var/lib/containerd xfs ro"
    )
    said = (
        kernel_line("EXT4-fs error (device rhel-containers): ext4_journal_check_start:83: comm containerd: Detected aborted journal")
        + "\n"
        + kernel_line("EXT4-fs (rhel-containers): Remounting filesystem read-only")
    )
    found = findings(mounts=mounts, journal_kernel=said)
    assert found["FilesystemIsReadOnly"].severity == "critical"
    assert "Remounting" in found["FilesystemIsReadOnly"].evidence[1].excerpt
    assert found["FilesystemBroken"].id in found["FilesystemIsReadOnly"].causes


def test_read_only_on_purpose_is_no_finding() -> None:
    mounts = HEALTHY["mounts"] + "\n/dev/sdc1 /srv/archive xfs ro,relatime 0 0\n/dev/vda4 /sysroot xfs ro,relatime 0 0"
    assert findings(mounts=mounts) == {}


@pytest.mark.parametrize(("available", "severity"), [(120_000, "critical"), (700_000, "warning"), (2_300_000, "")])  # of 16 GiB, in kB
def test_memory_that_is_left(available: int, severity: str) -> None:
    found = findings(
        memory=HEALTHY["memory"].replace("9412344", str(available)), processes="Sl 4211 0.9 71.5 java\nSsl 1201 3.1 0.9 kubelet"
    )
    assert (found["MemoryLow"].severity if found else "") == severity
    if found:
        assert "java 71.5 %" in found["MemoryLow"].summary


def test_memory_stalls_and_swap() -> None:
    stalls = "some avg10=60.11 avg60=48.20 avg300=12.00 total=1\nfull avg10=41.00 avg60=31.40 avg300=9.11 total=1"
    assert "31 %" in findings(psi_memory=stalls)["MemoryStalls"].summary
    memory = "MemTotal: 16123456 kB\nMemAvailable: 1200000 kB\nSwapTotal: 4194304 kB\nSwapFree: 120000 kB"
    assert "swap is in use" in findings(memory=memory)["SwapHeavy"].summary


def test_a_host_that_ran_out_of_memory_is_told_apart_from_a_container_at_its_limit() -> None:
    host = kernel_line(
        "Out of memory: Killed process 4211 (java) total-vm:9812344kB, anon-rss:7123444kB, file-rss:0kB, shmem-rss:0kB, UID:1000"
    )
    found = findings(journal_kernel=host)
    assert found["SystemOOM"].severity == "critical"
    assert "java" in found["SystemOOM"].summary
    own = kernel_line("Memory cgroup out of memory: Killed process 5112 (python) total-vm:912344kB, anon-rss:523444kB")
    found = findings(journal_kernel=own)
    assert set(found) == {"OOMKilled"}
    assert "own container" in found["OOMKilled"].summary


def test_the_ring_buffer_is_read_where_the_journal_cannot_be() -> None:
    hint = "Hint: You are currently not seeing messages from other users and the system.\n-- No entries --"
    line = "[Fri Nov 27 09:58:12 2026] Out of memory: Killed process 4211 (java) total-vm:9812344kB"
    assert "SystemOOM" in findings(journal_kernel=hint, dmesg=line)


def test_kills_of_other_days_are_history() -> None:
    assert findings(journal_kernel=kernel_line("Out of memory: Killed process 4211 (java)", at="2026-11-20T09:58:00+0000")) == {}


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("blk_update_request: I/O error, dev nvme0n1, sector 418872 op 0x0:(READ) flags 0x80700", "DiskIOError", "nvme0n1"),
        ("critical medium error, dev sdb, sector 1211 op 0x0:(READ)", "DiskIOError", "sdb"),
        ("XFS (dm-3): Corruption detected. Unmount and run xfs_repair", "FilesystemBroken", "dm-3"),
        ("INFO: task java:12044 blocked for more than 120 seconds.", "TaskHung", "java"),
        ("watchdog: BUG: soft lockup - CPU#3 stuck for 23s! [kworker/3:1:221]", "SoftLockup", "CPU#3"),
        ("mce: [Hardware Error]: Machine check events logged", "HardwareError", "Machine check"),
        ("nf_conntrack: nf_conntrack: table full, dropping packet", "ConntrackFull", "packets are dropped"),
        ("neighbour: arp_cache: neighbor table overflow!", "NeighbourTableFull", "arp_cache"),
        ("nfs: server nas-1 not responding, still trying", "NfsServerSilent", "nas-1"),
        ("cgroup: fork rejected by pids controller in /kubepods.slice/kubepods-pod12.slice", "PidLimit", "kubepods-pod12"),
        ("VFS: file-max limit 98304 reached", "FileLimit", "98304"),
    ],
)  # fmt: skip
def test_what_the_kernel_reports(text: str, code: str, words: str) -> None:
    found = findings(journal_kernel=kernel_line(text))
    assert set(found) == {code}
    assert words in found[code].summary
    assert text in found[code].evidence[0].excerpt
    assert "{" not in found[code].summary + "".join(remedy.text for remedy in found[code].remedies)


def test_an_nfs_server_that_answers_again_is_no_finding() -> None:
    lines = [
        kernel_line("nfs: server nas-1 not responding, still trying"),
        kernel_line("nfs: server nas-1 OK", at="2026-11-27T09:58:40+0000"),
    ]
    assert findings(journal_kernel="\n".join(lines)) == {}


def test_connection_tracking_near_its_limit() -> None:
    found = findings(sysctl=HEALTHY["sysctl"].replace("count = 18231", "count = 261900"))
    assert "261900 of 262144" in found["ConntrackFull"].summary
    assert found["ConntrackFull"].severity == "critical"


def test_limits_on_threads_and_files() -> None:
    assert (
        "32700 threads"
        in findings(load="0.6 0.5 0.5 2/32700 91", sysctl="kernel.pid_max = 32768\nnet.ipv4.ip_forward = 1")["TooManyProcesses"].summary
    )
    assert "97000 files" in findings(sysctl="fs.file-nr = 97000\t0\t98304\nnet.ipv4.ip_forward = 1")["FileLimit"].summary


def test_forwarding_is_needed_where_a_kubelet_runs() -> None:
    assert "ip_forward is 0" in findings(sysctl="net.ipv4.ip_forward = 0")["ForwardingOff"].summary


def test_cpus_that_are_busy_stolen_or_wait_for_disks() -> None:
    head = "\n".join(HEALTHY["vmstat"].splitlines()[:3])
    stalls = "some avg10=95.0 avg60=92.0 avg300=81.0 total=1"
    busy = findings(load="44.1 41.2 39.9 44/1234 9", vmstat=f"{head}\n 44 0 0 1 1 1 0 0 0 0 9 9 81 18 1 0 0", psi_cpu=stalls)
    assert "41.2 on 8 CPUs" in busy["CpuSaturated"].summary
    assert "35 %" in findings(vmstat=f"{head}\n 4 0 0 1 1 1 0 0 0 0 9 9 30 10 25 0 35")["CpuStolen"].summary
    waiting = findings(
        vmstat=f"{head}\n 1 9 0 1 1 1 0 0 0 0 9 9 2 2 20 76 0", processes="\n".join(f"D {n} 0.0 0.1 postgres" for n in range(7))
    )
    assert "7 processes wait" in waiting["DiskStalls"].summary
    assert "76 %" in waiting["DiskStalls"].summary


def test_a_link_without_carrier_matters_where_it_is_used() -> None:
    down = HEALTHY["links"].replace(
        "2: ens192: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP",
        "2: ens192: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc mq state DOWN",
    )
    found = findings(links=down, journal_kernel=kernel_line("vmxnet3 0000:0b:00.0 ens192: NIC Link is Down"))
    assert found["LinkDown"].severity == "critical"
    assert "NIC Link is Down" in found["LinkDown"].evidence[1].excerpt
    bond = HEALTHY["links"].replace(
        "ens224: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc mq state DOWN",
        "ens224: <NO-CARRIER,BROADCAST,MULTICAST,SLAVE,UP> mtu 1500 qdisc mq master bond0 state DOWN",
    )
    assert "part of bond0" in findings(links=bond)["LinkDown"].summary


def test_no_default_route() -> None:
    assert set(findings(routes="")) == {"NoDefaultRoute"}


def test_firewalld_that_does_not_let_the_kubelet_be_reached() -> None:
    finding = findings(firewalld=ZONES.replace("10250/tcp 30000-32767/tcp 8472/udp", "30000-32767/tcp"))["FirewallBlocksPort"]
    assert "10250/tcp (the kubelet (logs, exec, metrics))" in finding.summary
    assert "8472/udp" in finding.summary
    assert "--add-port=10250/tcp" in finding.remedies[0].text
    assert "10250" in finding.evidence[1].excerpt


@pytest.mark.parametrize(
    "opened",
    [
        ("services: cockpit dhcpv6-client ssh\n  ports: 10250/tcp 30000-32767/tcp 8472/udp", "services: kube-worker ssh\n  ports: 8000-9000/udp"),
        ("target: default", "target: ACCEPT"),
        ("ports: 10250/tcp 30000-32767/tcp 8472/udp\n  protocols:\n  forward: yes\n  masquerade: no\n  rich rules:", 'ports:\n  rich rules:\n\trule family="ipv4" source address="10.0.0.0/24" accept'),
    ],
)  # fmt: skip
def test_a_zone_that_opens_ports_in_another_way(opened: tuple[str, str]) -> None:
    text = ZONES.replace(*opened)
    assert text != ZONES
    assert findings(firewalld=text) == {}


def test_iptables_and_nftables_that_drop_by_default() -> None:
    rules = "-P INPUT DROP\n-A INPUT -i lo -j ACCEPT\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"
    assert "10250/tcp" in findings(iptables=rules)["FirewallBlocksPort"].summary
    opened = rules + "\n-A INPUT -p tcp -m multiport --dports 6443,10250:10260 -j ACCEPT\n-A INPUT -p udp -m udp --dport 8472 -j ACCEPT"
    assert findings(iptables=opened) == {}
    assert findings(iptables=rules + "\n-A INPUT -s 10.0.0.0/24 -j ACCEPT") == {}
    nft = 'table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t\tiifname "lo" accept\n\t\ttcp dport 22 accept\n\t}\n}'
    assert "10250/tcp" in findings(nftables=nft)["FirewallBlocksPort"].summary
    assert findings(nftables=nft.replace("tcp dport 22", "tcp dport @open")) == {}


def test_a_clock_that_is_off_and_one_that_nobody_sets() -> None:
    right = 1795773600.0  # NOW in Unix seconds
    assert findings(received_at=right + 2) == {}
    off = findings(
        received_at=right + 130,
        chrony=Reply("506 Cannot talk to daemon", 1),
        time="NTP=no\nNTPSynchronized=no",
        services=services(chronyd=unit("chronyd.service", "inactive", "dead")),
    )
    assert "130 s behind" in off["ClockSkew"].summary
    assert off["ClockSkew"].severity == "critical"
    assert off["ClockUnsynchronised"].id in off["ClockSkew"].causes
    assert "no time service is running" in off["ClockUnsynchronised"].summary
    doubtful = findings(received_at=right - 400)
    assert "this machine's clock may be the wrong one" in doubtful["ClockSkew"].summary
    lost = findings(
        chrony=CHRONY.replace("Leap status     : Normal", "Leap status     : Not synchronised"), time="NTP=yes\nNTPSynchronized=no"
    )
    assert "reaches none of its servers" in lost["ClockUnsynchronised"].summary
    assert "4.2 s fast" in findings(chrony=CHRONY.replace("0.000012394 seconds slow", "4.200012394 seconds fast"))["ClockSkew"].summary


AVC = 'type=AVC msg=audit(1795773500.122:8841): avc:  denied  {{ write }} for  pid=30122 comm="app" name="data" dev="dm-3" ino=812 scontext=system_u:system_r:{source}:s0:c14,c811 tcontext=system_u:object_r:var_t:s0 tclass=dir permissive={permissive}'


def test_selinux_denials_are_grouped_and_say_who_wanted_what() -> None:
    line = AVC.format(source="container_t", permissive=0)
    finding = findings(denials="\n".join(["----", line] * 7))["SELinuxDenied"]
    assert "denied app (container_t) to write the dir data (var_t), 7 times" in finding.summary
    assert finding.evidence[0].excerpt == line
    assert findings(denials=AVC.format(source="container_t", permissive=1)) == {}
    assert findings(denials=line, selinux="Permissive") == {}
    assert findings(denials=AVC.format(source="snmpd_t", permissive=0)) == {}, "what no container does is a remark"


def test_denials_come_from_the_kernel_where_no_auditd_runs() -> None:
    line = kernel_line("audit: type=1400 audit(1795773500.1:91): " + AVC.format(source="container_t", permissive=0).partition(": ")[2])
    assert "container_t" in findings(journal_kernel=line)["SELinuxDenied"].summary


@pytest.mark.parametrize(
    ("end", "code"),
    [("Nov 20 07:11:09 2026", "NodeCertificateExpired"), ("Dec  2 07:11:09 2026", "NodeCertificateExpiring"), ("Jan 20 07:11:09 2027", "")],
)
def test_the_kubelets_certificate(end: str, code: str) -> None:
    found = findings(cert_kubelet=f"subject=CN = system:node:worker-1\nnotAfter={end} GMT")
    assert list(found) == ([code] if code else [])
    if found:
        assert "the kubelet's client certificate" in found[code].summary


def test_cgroup_v1_is_a_remark_under_a_kubelet() -> None:
    mounts = HEALTHY["mounts"].replace("cgroup2 /sys/fs/cgroup cgroup2", "cgroup /sys/fs/cgroup/memory cgroup")
    (finding,) = check_host(bundle(mounts=mounts)).findings
    assert (finding.code, finding.severity) == ("CgroupLegacy", "info")


def test_repeated_errors_are_told_once_and_failed_log_ins_are_nobodys_fault() -> None:
    lines = [f"2026-11-27T09:5{n % 10}:00+0000 worker-1 multipathd[{n}]: sdb: failed to get path uid {n}" for n in range(14)]
    finding = findings(journal_errors="\n".join(lines))["JournalErrors"]
    assert "14 errors of 1 kinds" in finding.summary
    noise = [f"2026-11-27T09:5{n % 10}:00+0000 worker-1 sshd[{n}]: error: maximum authentication attempts exceeded" for n in range(30)]
    assert check_host(bundle(journal_errors="\n".join(noise))).findings == ()


def test_a_full_disk_explains_the_runtime_the_kubelet_and_the_evictions() -> None:
    line = "/dev/mapper/rhel-containers xfs   104806400 104806300       100     100% /var/lib/containerd"
    report = check_host(
        bundle(
            disks=df(line),
            services=services(
                containerd=unit("containerd.service", "failed", "failed", Result="exit-code"),
                kubelet=unit("kubelet.service", "activating", "auto-restart"),
            ),
            journal_runtime='2026-11-27T09:59:01+0000 worker-1 containerd[1102]: level=fatal msg="write /var/lib/containerd/x: no space left on device"',
            health=Reply("", 7),
        )
    )
    by_code = {f.id: f for f in report.findings}
    full = by_code["FilesystemFull/Node//worker-1//var/lib/containerd"]
    said = by_code["FilesystemFull/Node//worker-1/journal"]
    runtime = next(f for f in report.findings if f.code == "RuntimeDown")
    kubelet = next(f for f in report.findings if f.code == "KubeletDown")
    assert full.causes == ()
    assert said.causes == (full.id,)
    assert full.id in runtime.causes
    assert runtime.id in kubelet.causes
    assert report.findings[0] == full


def test_a_host_that_was_not_reached_is_critical_and_says_nothing_else() -> None:
    from engine.hosts.bundle import Bundle

    report = check_host(Bundle("worker-1", problem="its host key is not known here", fix="Connect once by hand"))
    (finding,) = report.findings
    assert (finding.code, finding.severity, report.reached) == ("HostUnreachable", "critical", False)
    assert "Connect once by hand" in finding.remedies[0].text


JUNK = (
    "",
    "\x00\x01",
    "�" * 900,
    "%s%n{0}" * 50,
    "[x] " * 900,
    "1 2 3 4 5 6 7\n" * 500,
    "1.2.3.4 " * 40,
    "notAfter=tomorrow",
    "Id=kubelet.service\nNRestarts=9e9",
)


@pytest.mark.parametrize("number", range(len(JUNK)))
def test_no_output_however_odd_breaks_an_analyzer(number: int) -> None:
    for probe in probes():
        report = check_host(bundle(**{probe.key.replace("-", "_"): JUNK[number]}))
        assert all(re.match(r"\w+$", finding.code) for finding in report.findings)


def test_no_reply_at_all_breaks_nothing() -> None:
    from engine.hosts.bundle import Bundle

    assert check_host(Bundle("worker-1")).findings == ()


def test_every_code_has_a_runbook_and_what_explains_it_exists() -> None:
    import ast
    from pathlib import Path

    from engine.flows.host_from_node import LEADS
    from engine.hosts.analyzers.journal import patterns
    from engine.hosts.check import EXPLAINS
    from index.markdown import parse

    root = Path(__file__).parents[3]
    written = {pattern.code for part in ("kubelet", "runtime", "kernel") for pattern in patterns(part)} | {"HostUnreachable"}
    for path in (root / "engine/hosts/analyzers").glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "found" and len(call.args) > 1:
                codes = [node.value for node in ast.walk(call.args[1]) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
                written |= set(codes)
    covered = {code for path in (root / "docs/runbooks").glob("*.md") for code in parse(path.read_text(encoding="utf-8"), path.name).codes}
    assert len(written) > 50
    assert written - covered - {"CannotSee"} == set()
    assert {*EXPLAINS, *(code for codes in EXPLAINS.values() for code in codes), *(c for codes in LEADS.values() for c in codes)} <= written


def test_odd_output_of_one_probe_takes_away_nothing_of_the_others() -> None:
    changes = {"disks": df(f"/dev/sda9 xfs 100 {'9' * 5000} 1 99% /x"), "routes": ""}
    report = check_host(bundle(**changes))
    assert "NoDefaultRoute" in {finding.code for finding in report.findings}
    assert [sentence for sentence in report.unseen if "disks was not judged" in sentence]


@pytest.mark.parametrize("at", ["2026-12-31T23:59:60+0000", "0000-00-00T00:00:00+0000", "2026-11-27T10:00:00+9999"])
def test_a_line_at_a_time_that_no_calendar_has_takes_away_nothing_of_the_others(at: str) -> None:
    lines = [kernel_line("something", at=at), kernel_line("EXT4-fs error (device sda9): bad block")]
    report = check_host(bundle(journal_kernel="\n".join(lines)))
    assert "FilesystemBroken" in {finding.code for finding in report.findings}
    assert report.unseen == ()
