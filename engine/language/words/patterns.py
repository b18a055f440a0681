"""The patterns that tell what is wanted; they look at lower-case words with every name as `xname`, `xnode` or `xspace`."""

from __future__ import annotations

import re

NAME = r"(?:xname|xnode|xspace)"

ACTION_VERBS = (
    "delete|remove|scale|create|restart|bounce|recycle|redeploy|patch|cordon|uncordon|drain|evict|rollback|roll back|undo|apply|"
    "set|label|annotate|taint|untaint|edit|kill|stop|start|pause|resume|suspend|unsuspend|rollout|increase|decrease|raise|lower|bump|"
    "get rid of|bring back|resize|expose|replace|change|update|upgrade|downgrade|trigger|rerun|re-run|add|disable|enable|deploy|install|uninstall|terminate|"
    "autoscale|unset|unpause|reduce|double|halve|triple|quadruple|grow|extend|expand|mark|unmark|attach|detach|clean up|wipe|shut down|spin up|reboot|cut|shrink|"
    "roll out|use image|point|switch|move|limit|cap|rename|allow|block|open|kick|nuke|revert|terminate|"
    "run (?:the |a )?cron ?job|run (?:a |the |one |another )?(?:job|pod|deployment|container|instance)\\b|run (?=\\S+ as )|run (?=xname)|"
    "kubectl (?:delete|scale|rollout restart|rollout undo|rollout pause|rollout resume|apply|create|patch|set|label|annotate|taint|cordon|uncordon|drain|edit|replace|run|expose|autoscale|evict|debug|cp|exec)"
)
POLITE = (
    r"(?:(?:first|please|pls|plz|ok|okay|hey|hi|hello|yes|now|then|and|so|just|also|go ahead and|go on and|let'?s|i want (?:you )?to|i'?d like (?:you )?to|"
    r"i need (?:you )?to|would you be so kind as to|(?:can|could|would|will) you(?: please| kindly)?|you (?:should|must|can)|we (?:need|have) to|proceed to|kindly)[,: ]+)*"
)
ORDER = re.compile(rf"^\W*{POLITE}(?P<verb>{ACTION_VERBS})\b", re.I)
THEN_ORDER = re.compile(
    rf"(?:[.;,!?]|\bthen\b|\band\b)\s+{POLITE}(?P<verb>delete|scale|restart|cordon|uncordon|drain|roll ?back)\s+(?=\S)", re.I
)
SET_SO = re.compile(
    rf"^\W*(?:(?:the|please)\s+)?(?:\w+\s+)?{NAME}\s+(?:should|must|shall|needs? to|has to|ought to)\s+(?:not\s+|no longer\s+|instead\s+)?(?:use|run|have|get|take|listen|point|accept|receive|be (?:scaled|restarted|deleted|removed|cordoned|suspended|paused|limited|set|labell?ed|annotated))\b|"
    rf"^\W*the\s+(?:liveness|readiness|startup)\s+probe\b.{{0,20}}{NAME}.{{0,10}}\b(?:should|must|needs to|has to)\b|^\W*(?:request|reserve)\s+\d|^\W*(?:return|take|bring|go|put|set)\s+(?:the\s+)?(?:\w+\s+)?{NAME}\s+(?:back\s+)?to\s+(?:its\s+|the\s+)?(?:previous|earlier|last|old)\b|"
    rf"^\W*{POLITE}(?:(?:i|we)\s+(?:want|need)\s+(?:\d+|two|three|four|five)\s+(?:more\s+)?(?:replicas?|instances?|pods?)\s+(?:of|for)\s+(?:the\s+)?{NAME}(?:\s+in\s+\S+)?|"
    rf"take\s+(?:\d+|an?|one|two|three)\s+(?:replicas?|instances?|pods?)\s+(?:away|off)\s+(?:from|of)\s+(?:the\s+)?{NAME}|{NAME}:\s*[1-9]\d*\s+replicas?)\W*(?:please\W*)?$|"
    rf"^\W*(?:we\s+)?needs?\s+(?:\d+|two|three|four|five)\s+(?:more\s+)?(?:replicas?|instances?|pods?)\s+(?:of|for)\s+{NAME}(?!.*\b(?:but|only|yet|however|though|crash\w*|fail\w*)\b)|^\W*{NAME}\s+needs\s+(?:\d+|one|two|three|four|five)\s+(?:more\s+)?(?:replicas?|instances?|pods?)|"
    rf"^\W*pin\s+(?:the\s+)?{NAME}\s+to\b|^\W*(?:go|roll) back to the (?:previous|last|earlier)\b|^\W*turn off\s+(?:the\s+)?{NAME}|^\W*roll\s+{NAME}\W*$|^\W*tag\b.*{NAME}.*\bwith\b|^\W*drop the (?:env|variable|label)\b|^\W*evacuate\s+(?:the\s+)?(?:node\s+)?xnode|"
    rf"^\W*(?:a\s+)?rolling restart\b|^\W*make\s+(?:the\s+)?{NAME}\s+(?:the\s+)?default\b|^\W*(?:one|two|three|\d+)\s+(?:replicas?|instances?|pods?)\s+(?:less|more|fewer)\b|^\W*turn\s+(?:the\s+)?{NAME}\s+(?:on|off)\b|"
    rf"^\W*(?:skaliere|starte|lösche|escala|reinicia|elimina|borra|redémarre|supprime|riavvia|scala|herstart|schaal|verwijder)\b.*{NAME}|^\W*{NAME}:\s.{{0,40}}\bto\s+\S+[:/]\S+|"
    rf"^\W*{POLITE}(?:(?:let|make|have)\s+(?:the\s+)?.{{0,50}}?\b(?:use|listen|point|run with|wait|check|probe)\b|give\s+(?:the\s+)?(?:\w+\s+)?{NAME}\s+(?:a\s+|the\s+|an\s+)?(?:label|annotation|taint|env\w*|\d|more|another|one)|"
    rf"(?:put|attach|stick)\s+(?:a\s+|the\s+)?(?:label|annotation|taint)|use\s+(?:the\s+)?image\b|make\s+(?:the\s+)?{NAME}\s+(?:un)?schedulable|take\s+(?:the\s+)?(?:node\s+)?{NAME}\s+out of|"
    rf"put\s+(?:the\s+)?(?:node\s+)?{NAME}\s+(?:back|into maintenance))",
    re.I,
)
REPLICAS = re.compile(
    rf"^\W*{POLITE}(?:make|bring|put|run|give|take|get|want|have)\b.{{0,60}}\b(?P<count>(?:\d+|one|two|three|four|five|six|another|more|fewer|no|zero)\s+"
    r"(?:more\s+)?(?:replicas?|instances?|copies|pods))\b",
    re.I,
)
HOW = re.compile(
    r"\b(?:how (?:do|can|would|could|should|to|does|did|is|are)|how'?s|what (?:happens|would happen|if|does|do|is the (?:command|way|syntax|difference))|"
    r"(?:should|can|could|may|must|do|shall) (?:i|we)\b|is it (?:safe|ok|possible)|explain|tell me (?:how|about)|"
    r"what command|which command|show me how|teach|difference between|meaning of|what does .* mean|what do .* mean)",
    re.I,
)
CODE = re.compile(
    r"\b(?:generate|write|give me|create|make|draft|produce|show me|need|want)\b.{0,50}?\b(?P<kind>script|code|snippet|yaml for|manifest|commands?|one-?liner|program|example|template|network ?policy|python)\b"
    r"|^\W*(?:kubectl )?one-?liner\b|\bin python\b|\bwith (?:the )?python\b|\bpython (?:script|code|snippet|program|client)\b",
    re.I,
)
BETTER = re.compile(rf"^\W*{POLITE}(?P<word>optimi[sz]e|right-?size|tune|improve|review)\b", re.I)
ASKS = re.compile(
    r"^\W*(?:(?:please|pls|can you|could you|would you|will you|i want to|i'?d like to|i need to|let me|help me|now|and|so|ok|okay)[, ]+)*"
    r"(?P<word>who|what|which|where|when|show|list|get|describe|display|print|count|how many|how much|how old|how long|how often|give me|tell me|find|"
    r"is there|are there|do we have|do any|does|fetch|view|see|check|top|compare|summari[sz]e|sort|search|grep|post|read|tail|logs? (?:of|for|from)|events? (?:of|for|in)|yaml of|kubectl (?:get|describe|logs|top|version|explain))\b",
    re.I,
)
TROUBLE = re.compile(
    r"(?P<word>\b(?:debug|troubleshoot|diagnose|investigate|analy[sz]e|fix|repair|why|root cause|wrong|issue|issues|problem|problems|error|errors|erroring|"
    r"fail|fails|failed|failing|failure|broken|broke|breaks|crash\w*|oom\w*|restarts?|restarting|restarted|stuck|hang|hangs|hanging|hung|pending|"
    r"unhealthy|unready|unavailable|unreachable|unresponsive|down|dead|dying|dies|died|killed|evicted|refused|refuses|rejected|denied|forbidden|timed? ?outs?|timing out|"
    r"slow|degraded|flapping|50[0234]|40[134]|429|x509|nxdomain|imagepull\w*|errimage\w*|\w+backoff\w*|createcontainer\w*|containercreating|notready|not ready|missing|lost|"
    r"disappeared|vanished|throttl\w*|leak\w*|complain\w*|weird|strange|odd|unexpected\w*|dirty|panic\w*|deadlock\w*|exceeded|invalid|empty|unknown|terminating|unschedulable|outage|incident|stopped working|went down)\b|"
    r"\b(?:not|never|no longer|won'?t|can'?t|cannot|can not|doesn'?t|does not|isn'?t|aren'?t|didn'?t|hasn'?t|haven'?t|couldn'?t|don'?t|unable|nobody|nothing|no) )",
    re.I,
)
HTTP_REQUEST = re.compile(r"^\W*(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)\s+(?:https?://|/)\S+\s+\w")
"""An HTTP request at the start of a sentence: its method is no verb that asks for something."""
REMEDY_ASKED = re.compile(
    r"^\W*(?:.*[.!]\s+)?(?:do|must|should|shall) (?:i|we) (?:have to |need to |just )?(?:restart|reboot|recreate|redeploy|renew|reinstall|roll back|replace)\b"
)
"""A remedy put as a question behind a statement: the statement is a symptom."""
HEALTH = re.compile(
    r"\b(?:everything|all|anything|it)\b.{0,20}\b(?:ok|okay|fine|healthy|good|alright|up|well|green|normal)\b|\bhealth(?:y)?\b"
    rf"|^\W*(?:and )?(?:is|are|how(?:'s| is| are))\s+(?:the\s+|my\s+|our\s+|all\s+)*(?:[\w-]+\s+){{0,3}}?(?:ok|okay|fine|good|up|alive|running|working|doing|alright|ready|well|available|reachable|responding|in good (?:shape|health)|serving)\b"
    rf"|\b(?:status|health|state) (?:of|for) (?:the |my |our )?(?:[\w-]+ )?{NAME}|\bhow (?:is|are|'s) (?:the |my |our )?{NAME}\W*$|\bhealth ?check\b|^\W*is {NAME} up\b",
    re.I,
)
SHOW_STATE = re.compile(
    r"^\W*(?:please\s+)?(?:show|list|get|display|print|count|which|how many|give me|find|are there|is there|what|search|sort|fetch|post)\b",
    re.I,
)
CAUSE_ASKED = re.compile(
    r"^\W*where (?:are|is|did|have|has) (?:the |my |our |all )*(?:other|rest|missing|remaining|\d+ other)\b|\bwhy\b|\bwhat(?:'?s| is| are| was| went| has| have)?\b.{0,12}\b(?:wrong|going on|happening|happened|the matter|broken|breaking|failing|causing|caus\w+|"
    r"the (?:root )?cause|the (?:problem|issue|reason))\b|\bwhat(?:\'?s| is) up with\b|\broot cause\b|\b(?:debug|troubleshoot|diagnose|investigate|fix|analy[sz]e)\b|\bhow come\b|\bwhats wrong\b|\bfigure out\b",
    re.I,
)
PREDICATE = (
    r"\b(?:never|no longer|not|does(?:n'?t| not| nothing)|do(?:n'?t| not| nothing)|did(?:n'?t| not| nothing)|hangs?|fails?|is|are|was|were|isn'?t|aren'?t|wasn'?t|has|have|had|hasn'?t|haven'?t|won'?t|can'?t|cannot|"
    r"couldn'?t|times? out|timed out|takes|took|keeps?|kept|gets|got|stays?|returns?|returned|gives|gave|shows|showed|says|said|throws|threw|errors?(?= out|\W*$)|prints|printed|reports|results in|leads to|led to|ends (?:in|with|up)|ended|went|breaks|broke|"
    r"works? (?:no more|only|not)|stopped working|still|remains?|crash(?:es|ed)|blocks|complains|refuses|seems|makes no|leaves|left|"
    r"(?:failed|hung|stalled)(?=\s*[.!]*\s*$|\s+(?:yesterday|today|again|at|on|with|because|since|after|when|in|for|to)\b))"
)
COMPLAINT = re.compile(
    rf"(?:{NAME}|\b(?:pods?|deployments?|jobs?|services?|nodes?|namespaces?|statefulsets?|daemonsets?|pvcs?|claims?|configmaps?|secrets?|ingress\w*|cron ?jobs?|volumes?|rollouts?|replicas?|images?|up|down|back|it|out|of|limits?|requests?|memory|cpu|everything|all)\b|\d+%?|=\S+|\bkubectl\s(?:\S+\s)*\S+)"
    rf"[\"'`”]?,?\s+(?:(?:just|simply|always|also|then|only|suddenly|command|now)\s+)*{PREDICATE}",
    re.I,
)
TAIL = re.compile(
    r"\b(?:stuck|hanging|hung|blocked|impossible|broken|incomplete|refused|denied|rejected|forbidden|ignored|in vain|without (?:any )?(?:effect|success)|no effect|not working|"
    r"nothing happens|nothing happened|no reaction|fails?|failed|failing|times? out|timed out)\b[\s.!]*$",
    re.I,
)
CONTRAST = re.compile(
    r"(?:\bbut\b|\byet\b|\bstill\b|—|–|\s-\s|\.\.\.|…|:|\band\b|,|;|\.)\s*(?:then\s+)?(?:it|that|this|nothing|they|the (?:command|pods?|rollout|old \w+|count|number)|i (?:get|got|see)|we (?:get|got|see)|there (?:is|are)|no \w+|still|error|forbidden|denied|times? out|always|never|only)\b.{0,60}?"
    r"(?:\b(?:hangs?|fails?|failed|never|nothing|stuck|not|error|errors|forbidden|denied|refused|refuses|times? out|timed out|stays?|remains?|back|again|still|same|no|happens?)\b|n't\b)",
    re.I,
)
SUBORDINATE = re.compile(
    r"\b(?:because|since|as|which|that|who|until|till|if|when|while|so|in order|to (?:see|check|test|fix|get|make)|unless|where)\b|[,;]",
    re.I,
)
GREETING = re.compile(
    r"^\W*(?:(?:hi|hello|hey|hiya|yo|good (?:morning|afternoon|evening|day|night)|greetings|thanks?(?: you)?(?: (?:so|very) much| a lot)?|thx|cheers|ty|bye|goodbye|see you|cool|great|nice|perfect|awesome|well done|good job|"
    r"ok(?:ay)?|all right|alright|got it|understood|never ?mind|that'?s (?:all|it|fine|great|good)|that is (?:all|it|fine|great|good)|for now|there|everyone|team|k8sagent|again|you too|no|yes|nothing else|i'?m done|how are you(?: doing)?(?: today)?|what'?s up|"
    r"for (?:your|the) help|that was (?:helpful|great)|lol|haha|you(?:'re| are)(?: (?:so|really|pretty|very|an?))* (?:useless|stupid|dumb|great|awesome|the best|helpful|terrible|wrong|idiot|genius|bad|good|amazing))\b[\s,.!:;)-]*)+\??$",
    re.I,
)
ABOUT = re.compile(
    r"\bwhat (?:can|do|could|else can) you (?:do|help|know|offer|support)|\bwho (?:are|made|built) you\b|\bwhat are you\b|\bhow (?:do|can|should) (?:i|we) use (?:you|this|k8sagent|it)\b|\bhow (?:do|can) you (?:help|work)|\bwhat (?:is|does) (?:k8sagent|this (?:tool|program|thing|app))\b|"
    r"^\W*(?:help|help me|\?|usage|manual|commands)\W*$|\bwhat (?:questions|commands) can i\b|\bwhich (?:model|llm|version of k8sagent)\b.{0,20}\b(?:you|use|are|running)?\W*$|\bare you (?:an? |the )?(?:ai|bot|human|model|chatgpt|llm|robot|real|there)\b|\bk8sagent\b|"
    r"\b(?:can|could|will|do) you (?:undo|revert|roll back) (?:a |the |your |any |what )?(?:changes? )?you(?:'ve| have)? (?:made|did|do|make|done)\b|\bcan you (?:do|change|delete|break|see|read|access|remember)\b.{0,30}\?|\bdo you (?:need|use|send|store|support|have|know|remember|speak|understand)\b|\byour (?:name|limits|abilities|capabilities|version)\b|\bwhat do you (?:see|look at|check)\b|\bhow (?:do|can|should) i (?:start|begin)\b",
    re.I,
)
FOLLOW_UP = re.compile(
    r"^\W*(?:(?:and|ok|okay|yes|please|so|but|then|now)[, ]+)*(?:why|since when|how (?:so|come|long)|do (?:it|that|so)|go (?:ahead|on)|yes|sure|which(?: one| of them)?|the (?:other|first|second|third|last|next)(?: one)?|"
    r"more|continue|again|what else|and (?:then|now)|what now|show (?:me )?(?:it|them|the (?:logs|events|yaml))|what about (?:it|that|them)|fix it|apply it|same for|explain(?: it| that)?|are you sure|is that all|really|how do you know)\b[\s\w]{0,12}[?.!]*$",
    re.I,
)
CLUSTERISH = re.compile(
    r"\b(?:xname|xnode|xspace|k8s|kube\w*|cluster|namespaces?|ns|pods?|deploy\w*|stateful\w*|daemon\w*|jobs?|cron\w*|services?|svc|ingress\w*|nodes?|pvcs?|pvs?|claims?|quotas?|volumes?|secrets?|config\w*|replicas?|containers?|images?|logs?|events?|helm|"
    r"rollouts?|rbac|roles?|dns|network\w*|cpu|memory|ram|disk|storage|probes?|app|apps|application|api|server|service|site|website|database|db|queue|worker|user|users|customers?|error|errors|5\d\d|4\d\d|crash\w*|restart\w*|fail\w*|oom\w*|"
    r"status|health\w*|running|down|up|broken|slow|timeout|certificate|tls|host|hosts|port|ports|traffic|requests?|limits?|quota|autoscal\w*|hpa|pdb|env|passwords?|credentials?|address(?:es)?|ips?|pools?|\w+backoff|\w+error|yaml|manifest|kubectl|everything|anything|wrong|problem\w*|issue\w*|trouble\w*|happen\w*|change\w*|fix\w*|exit code|signal|sig\w+|backoff|label\w*|taint\w*|finalizer\w*|operator|crd)\b",
    re.I,
)
OUTSIDE = re.compile(
    r"^\W*(?:who|what|when|where|which|how|tell|write|sing|recommend|translate|give|do you|is|are|can|should|why|calculate|convert|define|play|order|book|buy|\d)\b",
    re.I,
)

SHELL = re.compile(
    rf"^\W*{POLITE}(?:exec(?:ute)? (?:into|in|a shell)|ssh (?:in)?to|shell into|(?:open|get|start) (?:me )?a shell|port-?forward|log ?in to|attach to|copy (?:a |the )?files?)\b",
    re.I,
)

VERB_WORDS = {
    "delete": "delete|remove|kill|destroy",
    "create": "create|make|add|deploy",
    "update": "update|change|modify|edit",
    "patch": "patch",
    "get": "get|read|see|view|look at|access",
    "list": "list",
    "watch": "watch",
    "exec": "exec(?: into)?|get a shell in|open a shell",
    "scale": "scale",
    "bind": "bind",
    "impersonate": "impersonate",
    "escalate": "escalate",
}
ANY_VERB = "|".join(VERB_WORDS.values())
WHO_MAY = re.compile(
    rf"^\W*(?:and )?(?:can|may|could|is|does)\s+(?:the\s+)?(?:service ?account\s+|sa\s+|group\s+|user\s+)?(?:{NAME}|(?!(?:you|i|we|it|they|this|that|he|she)\b)[a-z]+)\s+(?:allowed to |able to |permitted to |have (?:the )?(?:right|permission) to )?(?:{ANY_VERB})\s+(?:[a-z]+ ){{0,2}}?(?:pods?|secrets?|deployments?|config ?maps?|nodes?|services?|jobs?|namespaces?|ingress\w*|logs?|events?|pvcs?|roles?|\w+sets?|cron ?jobs?|endpoints?)\b(?!.*\bwithout\b)|"
    rf"\bwho (?:can|may|could|is (?:allowed|able|permitted) to|has (?:access|permission|rights?|the right) to|would be able to)\b|\bwho has (?:cluster-?admin|admin|access|rights|permissions?)\b|"
    rf"\b(?:can|may|could|is|are)\b.{{0,40}}\b(?:service ?accounts?|sa|group|{NAME})\b.{{0,20}}\b(?:allowed to |able to |permitted to )?(?:{ANY_VERB})\b.{{0,20}}\b(?:pods?|secrets?|deployments?|config ?maps?|nodes?|services?|jobs?|namespaces?|logs?|anything|resources)\b|"
    rf"\bwhat\b.{{0,12}}\b(?:can|may|is)\b.{{0,30}}{NAME}.{{0,12}}\b(?:do|allowed|access)\b|\b(?:permissions?|rights|rbac|access rights)\b.{{0,12}}\b(?:of|for|does|has)\b.{{0,30}}(?:service ?account|{NAME})|\bcluster-?admin\b|\bwhich (?:role ?bindings?|cluster ?role ?bindings?|roles?)\b.{{0,40}}\b(?:grant|give|allow|let)",
    re.I,
)
USES = re.compile(
    rf"\b(?:who|what|which \w+|anything|anyone|something|does (?:any\w*|some\w*)|do any \w+|is|are|where is)\b.{{0,30}}\b(?:us(?:es?|ed|ing)|referenc\w+|mount(?:s|ed)?|depend\w* (?:on|upon)|consum\w+|needs?|point(?:s|ing) (?:to|at)|select(?:s|ed)|attached to|refers? to|talks? to)\b(?:.{{0,30}}{NAME}|(?: by (?:any|some|who|what|which)\w*(?: \w+)?)?\W*$)",
    re.I,
)
REACH = re.compile(
    rf"^\W*(?:(?:and|so|please|check if|check whether|test if|test whether|see if)\s+)*(?:can|could|may|does|do|is|are|will|would)\b.{{0,50}}\b(?:reach|connect|talk|speak|access|call|ping|resolve|reachable|get to|open a connection|allowed to (?:reach|talk|connect))\b|"
    rf"\b(?:what|which polic\w+|anything) (?:block\w*|stop\w*|prevent\w*|keeps?)\b.{{0,40}}{NAME}.{{0,30}}\b(?:from|to)\b.{{0,20}}{NAME}|\b(?:connection|connectivity|traffic|path|route) (?:from|between)\b.{{0,30}}{NAME}.{{0,20}}{NAME}|\b(?:reach|connect|talk)\w*\b.{{0,20}}{NAME}.{{0,20}}\bfrom\b.{{0,20}}{NAME}\W*\?",
    re.I,
)
CHANGES = re.compile(
    r"\bwhat(?:'s| has| have| was| were| did)?(?: \w+){0,2} (?:changed?|new|different|deployed|rolled out|updated|modified)\b|\b(?:recent|latest|last|any) (?:changes?|deploys?|deployments? history|rollouts?|updates?|releases?)\b(?! of the image)|\bwhat happened\b.{0,40}\b(?:since|in the last|today|yesterday|last night|recently|before|around|between|this morning)\b|"
    r"\b(?:rollout|revision|deployment|deploy|change) history\b|\bwhen (?:was|were|did|has)\b.{0,40}\b(?:deployed|updated|changed|rolled out|scaled|restarted|created|last|edited|modified)\b|\bwho (?:changed|deployed|scaled|deleted|edited|restarted|updated)\b|\bwhich (?:\w+ )?(?:were |was |have been |has been )?(?:changed|deployed|updated|rolled out)\b|\bchanges? (?:since|in the last|today|of|to)\b|\bhistory of\b|\bchangelog\b|\btimeline\b",
    re.I,
)
SINCE = re.compile(
    r"\bsince when\b|\bfor how long\b|\bhow long (?:has|have|is|are|was|did|does)\b|\bwhen did\b.{0,40}\b(?:start|begin|stop|fail|break|crash|go|become|last)\b|\bsince what time\b|\bsince how long\b",
    re.I,
)
COMPARE = re.compile(
    rf"\bcompare\b|\b(?:difference|differences|differ)\b.{{0,20}}{NAME}.{{0,20}}{NAME}|{NAME}\s+(?:vs\.?|versus)\s+{NAME}|\bhow (?:does|do|is|are) {NAME} differ",
    re.I,
)
YAML = re.compile(
    rf"\b(?:yaml|manifest|definition|spec|json)\b.{{0,25}}\b(?:of|for|from)\b|\b(?:show|give|get|print|dump|see|view|display|fetch|export)\b.{{0,30}}\b(?:yaml|manifest|definition|json)\b|{NAME}(?:'s)? (?:yaml|manifest|as yaml|as json|in yaml)|\b-o ?yaml\b|^\W*yaml\b",
    re.I,
)
PRIORITIES = re.compile(
    r"\bfix (?:first|next)\b|\b(?:most (?:urgent|important|critical|pressing|severe)|worst|biggest) (?:problem|issue|thing|fault|one|finding)s?\b|\bwhere (?:do|should|shall) (?:i|we) (?:start|begin)\b|\bpriorit\w+|\bwhat(?:'s| is) (?:most |the most )?(?:urgent|critical|important)\b|\bin which order\b.{0,20}\bfix|\btop (?:\d+ )?(?:problems|issues|faults|priorities)\b|\bwhat first\b",
    re.I,
)
CONCEPT = re.compile(
    r"^\W*(?:(?:so|and|please|ok|hey)[, ]+)*(?:(?:can|could) you )?(?:what(?:'s| is| are)|whats|explain|define|describe|tell me (?:about|what)|meaning of|what does|what do|what means|purpose of|when (?:do|should) (?:i|we) use|how does|how do)\b",
    re.I,
)
ERROR_TERM = re.compile(
    r"\bexit codes? ?(?:of )?(\d{1,3})\b|\bsignal (\d{1,2}|sig\w+)\b|\bsig(?:kill|term|segv|abrt|int|hup|bus|ill|fpe|pipe)\b", re.I
)


STATEMENT = re.compile(
    r"^(?:\s+(?:of|in|on|for|to|from|the|a|an|my|our|pods?|deployments?|jobs?|services?))*(?:\s+[\w./-]+)?\s+"
    r"(?:is|are|was|were|has|have|had|does|did|do|keeps?|kept|fails?|hangs?|never|always|takes|took|breaks|gets|got|"
    r"(?:failed|broke|hung)(?=\s*$|\s+(?:yesterday|today|again|at|on|with|because|since|after|when)\b)|"
    r"won'?t|can'?t|cannot|doesn'?t|didn'?t|isn'?t)\b",
    re.I,
)

WRITTEN = re.compile(
    r"^\W*(?:please )?(?:write|draft|generate|produce)\b(?! to\b)|^\W*(?:(?:an?|the|some|give me|i need|need|show me) )*(?:\w+ ){0,3}?manifest\b(?! of\b)|^\W*(?:give me |show me |i need )?(?:an? |some )?(?:\w+ )?(?:yaml|manifest) for an?\b|"
    r"^\W*(?:an? |some )?python\b|^\W*(?:the |an? |which |what |give me (?:the |a )?|show me (?:the |a )?)*(?:kubectl )?(?:commands?|one-?liners?|jsonpath|custom-columns|go-template)\b (?:to|for|that|which|of)\b|^\W*kubectl (?:to|for)\b|^\W*(?:an? )?(?:bash|shell) (?:script|loop|one-?liner)\b",
    re.I,
)
"""Asks for code, a manifest or a command to copy, by how it begins."""
ASIDE = re.compile(
    rf"^\W*(?:the )?(?:last|first|newest) (?:\d+ )?(?:log )?lines? of\b|^\W*what (?:does|do|did) (?:the )?(?:\w+ )?{NAME} (?:log|print|write|output)\b|^\W*(?:the )?logs? (?:of|for|from)\b|"
    rf"^\W*(?:(?:all|recent|latest|last|warning|error|normal|the) )*events?\b(?! (?:are|is|were|keep|do|stop))|^\W*event history\b|^\W*(?:the )?(?:most|least) (?:\w+ ){{1,2}}(?:pods?|nodes?|namespaces?|deployments?|containers?|workloads?|jobs?)\W*\??$|"
    rf"^\W*(?:what|which) (?!pods|nodes|namespaces|services|deployments|images|jobs|secrets|configmaps|events|logs)(?:[a-z]+ )?(?:classes|policies|types|modes|phases|kinds|states|strategies|effects)\b.{{0,20}}\b(?:are there|exist)\b|"
    rf"^\W*(?:the )?(?:cluster |external |pod |node |service )?(?:ip|address|ports?|images?|labels?|annotations?|owner|age|selector|hosts?|probes?|(?:liveness|readiness|startup) probe|requests?|limits?|taints?|revision)\b.{{0,12}}\b(?:of|for)\b.{{0,20}}{NAME}\W*$|"
    rf"^\W*(?:show|give|get|print|list) (?:me )?(?:the )?(?:liveness|readiness|startup) probes?\b.{{0,20}}{NAME}",
    re.I,
)
"""Asks to see something, in a few words or with a verb that no other form has."""
HOW_TO_FIX = re.compile(
    rf"^\W*(?:and |so |ok |then )*how (?:do|can|could|should|would) (?:i|we|you) (?:fix|solve|resolve|repair) (?:the )?(?:\w+ )?{NAME}\W*$"
)
ANYTHING_WRONG = re.compile(
    r"^\W*(?:is|are) (?:there )?any(?:thing|body)? (?:\w+ )?(?:unhealthy|broken|failing|wrong|down|degraded|crashing|on fire)\b|^\W*what(?:'s| is) (?:broken|failing|unhealthy|down)\b"
)
LISTED_KINDS = re.compile(
    r"^\W*(?:all |the |our |my |headless )*(?:pods|deployments|services|nodes|namespaces|jobs|cron ?jobs|stateful ?sets|daemon ?sets|pvcs|pvs|claims|config ?maps|secrets|ingresses|network ?policies|"
    r"replica ?sets|quotas|service ?accounts|hpas|pdbs|storage ?classes)\b(?: (?:with|and|by|per|in|of|on|that|which|asking|requesting|using|having|sorted|older|younger|larger|bigger|smaller)\b|\W*$)"
)
