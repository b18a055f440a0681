"""Words that are no names: what a sentence is made of, what people call parts of a system, and the states that a question may name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.cluster.kinds import KINDS

_GRAMMAR = """
a an the this that these those my our your his her its their some any each every both all no none another other others same such own
i we you he she it they me us him them who whom whose which what where when why how whether if then than else
and or but nor so yet as because since until till while although though unless once after before during about above below between into onto
from to of in on at by with without within for against over under up down off out through across around near per via versus vs like unlike except instead
am is are was were be been being do does did done doing have has had having can could may might must shall should will would ought
cant cannot dont doesnt didnt isnt arent wasnt werent wont wouldnt shouldnt couldnt hasnt havent hadnt im ive id ill youre theyre lets whats whos heres theres
not never always often sometimes still just only even also too very really quite rather almost already again ever here there now today yesterday tomorrow tonight soon later ago
yes ok okay please pls thanks thank hi hello hey well maybe perhaps kindly anyway actually currently recently lately suddenly constantly constant continuously repeatedly intermittently randomly immediately finally apparently simply exactly else together
more most less least much many few several lot lots enough one two three four five six seven eight nine ten zero first second third last next previous latest newest oldest new old recent current half double triple twice
good bad better best worse worst big small large high low long short fast slow full empty wrong right fine great healthy unhealthy ready broken stuck dead alive weird strange odd normal safe sure true false different possible available unavailable whole entire single multiple certain specific exact actual real main
something anything everything nothing someone somebody anyone anybody everyone everybody nobody thing things stuff way ways kind sort type part parts side end top bottom
"""

_VERBS = """
be switch choose pick get gets got getting go goes going gone went come comes came coming make makes made making take takes took taking give gives gave giving given keep keeps kept keeping let lets put puts see sees saw seen seeing say says said saying tell tells told know knows knew known
want wants wanted need needs needed try tries tried trying use uses used using work works worked working run runs ran running start starts started starting stop stops stopped stopping begin begins began seem seems look looks looked looking find finds found show shows showed shown showing list lists listed describe describes display displays print prints fetch fetches view check checks checked checking
fail fails failed failing break breaks broke broken breaking crash crashes crashed crashing crashlooping die dies died dying hang hangs hung hanging kill kills killed killing restart restarts restarted restarting reboot rebooted sit sits sitting sat wait waits waited waiting stay stays stayed remain remains return returns returned returning throw throws threw respond responds responding answer answers reply replies refuse refuses refused reject rejects rejected deny denies denied drop drops dropped lose loses lost miss misses missing leave leaves left exit exits exited finish finishes finished end ends ended complete completes completed succeed succeeded happen happens happened happening occur occurs
create creates created creating delete deletes deleted deleting remove removes removed removing add adds added scale scales scaled scaling resize update updates updated updating upgrade upgraded change changes changed changing edit set sets setting unset apply applied applies patch patched deploy deploys deployed deploying redeploy install installed uninstall roll rolls rolled rollback rollout undo revert cordon uncordon drain drained draining evict evicted taint untaint label labelled labeled annotate expose autoscale pause paused resume suspend suspended unsuspend trigger rerun enable disable increase decrease raise lower reduce bump limit limited move migrate migrated replace replaced mark grow extend attach detach merge merged copy rename name named called call calls calling bring bounce recycle terminate terminated terminating
reach reaches reached reaching connect connects connected connecting resolve resolves resolving resolved talk talks access accesses allow allows allowed block blocks blocked blocking accept send sends sent sending receive receives pull pulls pulled pulling push pushes pushed mount mounts mounted mounting bind binds bound schedule schedules scheduled scheduling open opens close closes load loads loading read reads reading write writes writing wrote eat eats eating consume consumes consuming consumed cause causes caused causing explain explains mean means meant compare generate analyze analyse analyzing identify debug troubleshoot diagnose investigate fix fixed repair solve help helps ask understand count counts sort sorts sorted order ordered rank group summarize summarise review optimize optimise improve tune depend depends own owns owned belong belongs contain contains match matches select selects lack lacks complain complains flap flaps flapping throttle throttled throttling leak leaks leaking time times timed timing exceed exceeds exceeded expire expires expired expiring spike spikes degrade degraded recover recovers recovered respawn retry retries retried behave behaves react reacts exist exists log logs logged logging monitor monitors
"""

_TECHNICAL = """
kubernetes k8s kubectl cluster clusters context contexts api apis server servers master control plane kubelet scheduler controller controllers cni csi dns proxy
container containers image images tag tags registry repository replica replicas instance instances copy copies revision revisions version versions rollouts generation spec status state states condition conditions phase
cpu cpus memory mem ram disk disks storage volume volumes mount swap network networks networking traffic request requests response responses limit limits quota usage resource resources capacity size load latency bandwidth throughput performance utilization percent core cores
port ports host hosts hostname ip ips address addresses url urls endpoint path paths route routes connection connections socket tcp udp http https tls ssl cert certs certificate certificates ca key keys token tokens password passwords credential credentials permission permissions rights role access rbac policy policies rule rules user users group groups account accounts
config configs configuration configurations configuration setting settings variable variables env environment environments flag flags argument arguments command commands script scripts code snippet snippets manifest manifests yaml json template templates file files folder chart charts helm example examples one-liner oneliner program python bash shell default defaults turn
log logs line lines message messages event events error errors warning warnings exception exceptions stack trace traces stacktrace panic output metric metrics alert alerts dashboard probe probes readiness liveness startup check checks health backoff crashloop crashloopbackoff oom oomkill oomkilled imagepullbackoff errimagepull pending evicted evict notready containercreating createcontainerconfigerror createcontainererror runcontainererror invalidimagename completed unknown init pod
issue issues problem problems trouble troubles fault faults failure failures cause causes reason reasons root symptom symptoms outage incident bug bugs timeout timeouts delay crashes
label labels annotation annotations selector selectors taint taints toleration tolerations affinity finalizer finalizers owner owners schema crd crds operator operators workload workloads object objects field fields kind kinds item items
name names list number numbers amount total sum average minute minutes min mins hour hours hr hrs day days week weeks month months second seconds sec secs morning evening night noon midnight weekend monday tuesday wednesday thursday friday saturday sunday moment moment age uptime
"""

_ROLES = """
app apps application applications service services site sites website websites web page pages frontend front-end backend back-end back db database databases cache queue queues broker gateway worker workers consumer producer client clients customer customers people team teams colleague colleagues boss developer developers browser browsers phone mobile login logins signup checkout shop store order orders payment payments mail mails email emails search results data table tables rows report reports backup backups sale sales product production prod staging test tests testing dev release releases deploys deployments installation machine machines vm vms box hardware system systems platform infrastructure software process processes program thread threads session sessions transaction transactions job task tasks cron batch import export sync upload uploads download downloads change update hardening security migration maintenance scale-up scale-down startup shutdown start-up set-up setup life silence thing world question questions answer answers help documentation docs runbook runbooks page
"""

KIND_WORDS = frozenset(KINDS)
STOP = frozenset(_GRAMMAR.split())
ORDINARY = STOP | frozenset(_VERBS.split()) | frozenset(_TECHNICAL.split()) | KIND_WORDS
"""Words that are never taken for a name by their spelling alone; an object of that name is still found where its kind stands beside it."""
ROLES = frozenset(_ROLES.split())
"""What people call parts of a system: they find an object by a part of its name, and are no missing name where they find none."""

DUTIES = frozenset(
    "checkout shop store cart order payment mail email search result report backup sale login signup import export upload download billing invoice".split()
)
"""Roles that say what a part is for: they find a workload by themselves, as "the app" or "the site" do not."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """A state that a question may say something is in: its name, the words for it, the finding codes and pod states that are it.

    `exact` says that its absence can be seen for certain, so that a question that claims it is answered by that first.
    """

    name: str
    words: str
    codes: str
    states: str = ""
    exact: bool = True


SYMPTOMS: tuple[Symptom, ...] = (
    Symptom("OOMKilled", r"\boom\w*|\bout of memory\b|\bmemory kill\w*", r"OOM|Memory|Heap", r"OOM"),
    Symptom(
        "CrashLoopBackOff",
        r"\bcrash[- ]?loop\w*|\bcrashloopback\w*",
        r"Crash|Missing|Command|Panic|Config|Completed|Probe|OOM|Auth|Connection|Name|Exit",
        r"CrashLoop|Error|RunContainerError|OOMKilled",
    ),
    Symptom(
        "ImagePullBackOff",
        r"\bimage ?pull ?back ?off\b|\berr ?image ?pull\b|\binvalid ?image ?name\b",
        r"Image|Pull|Registry",
        r"ImagePull|ErrImage|InvalidImage",
    ),
    Symptom(
        "CreateContainerConfigError",
        r"\bcreate ?container ?(?:config)? ?error\b",
        r"Missing|Config|Secret|Env|NonRoot|RunAs|Container",
        r"CreateContainer",
    ),
    Symptom(
        "ContainerCreating",
        r"\bcontainer ?creating\b",
        r"Mount|Volume|Sandbox|Attach|Network|Missing|Secret|Config|Image",
        r"ContainerCreating|PodInitializing|Init",
    ),
    Symptom(
        "Evicted",
        r"\bevict(?:ed|ion|ions|ing)?\b",
        r"Evict|Pressure|Ephemeral|Preempt|Disk",
        r"Evicted|Error|Failed|ContainerStatusUnknown",
    ),
    Symptom(
        "Pending",
        r"\bpending\b|\bunschedulable\b|\bfailed ?scheduling\b",
        r"Schedul|Insufficient|Taint|Affinity|NodeSelector|Volume|Claim|Quota|HostPort|Spread|Preempt|Provision|Storage|Gate|Node|Zone",
        r"Pending|Init|ContainerCreating|SchedulingGated",
    ),
    Symptom(
        "Terminating", r"\bterminating\b", r"Finalizer|Terminating|Namespace|PodOnLostNode|Node|Delet", r"Terminating|Unknown", exact=False
    ),
    Symptom("NotReady", r"\bnot ?ready\b|\bunready\b", r".", r".", exact=False),
    Symptom(
        "restarts", r"\brestart(?:s|ing|ed)\b|\brestart\b(?=\s+(?:loop|all|every|over|again|constantly|count))", r".", r".", exact=False
    ),
    Symptom(
        "unreachable",
        r"\bunreach\w*|\bnot reach\w*|\breach(?:ed|able)?\b|\brefus\w+|\btime[sd]? ?out\w*|\b50[0234]\b|\bconnect\w*",
        r".",
        r".",
        exact=False,
    ),
    Symptom("slow", r"\bslow\w*|\blatency\b|\bsluggish\b|\bhang(?:s|ing)?\b", r".", r".", exact=False),
)


def symptoms_in(masked: str) -> tuple[str, ...]:
    """The names of the states that a question's words name."""
    return tuple(symptom.name for symptom in SYMPTOMS if re.search(symptom.words, masked, re.I))


SYMPTOM_OF = {symptom.name: symptom for symptom in SYMPTOMS}

FOREIGN_TROUBLE = re.compile(
    r"¿?\bpor ?qu[eé]\b|\bfalla\w*|\bno (?:funciona|arranca|responde)\w*|\bca[ií]do|\bestá\b|\bwarum\b|\bkaputt\b|\bfunktioniert nicht|\bstartet nicht|"
    r"\bläuft nicht|\bgeht nicht|\bhängt\b|\bworan liegt|\bwieso\b|\bweshalb\b|\bnicht (?:bereit|erreichbar|verfügbar)\b|\bneu ?gestartet\b|\bst[üu]rzt\b|\babgest[üu]rzt\b|\bfehler\b|\bpas (?:prête?|disponible|accessible)\b|\bredémarre\w*|\berreur\b|\bse (?:reinicia|cae)\b|\bno está (?:listo|disponible)|\bnon è (?:pronto|raggiungibile)|\bsi riavvia\b|\breinicia(?:ndo)?\b|\bniet (?:klaar|bereikbaar|beschikbaar)\b|\bcrasht\b|\bpourquoi\b|\bne (?:marche|démarre|répond|fonctionne)\w* pas|\ben panne|\bplante\b|\bperch[eé]\b|\bnon (?:funziona|parte|risponde)|"
    r"\bn[aã]o (?:funciona|inicia|responde|sobe)|\bwaarom\b|\bwerkt niet|\bdlaczego\b|\bnie dzia[lł]a|\bпочему\b|\bне работает|\bneden\b|\bçalışmıyor|なぜ|为什么|왜",
    re.I,
)
"""Words of trouble in other languages; with a linked name they are enough for a diagnosis."""
