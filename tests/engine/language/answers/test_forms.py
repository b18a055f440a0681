"""Questions that their form tells, in other words than the patterns were made from; and complaints that look like them and are none."""

# ruff: noqa: E501
from asking import request_of

from engine.cluster.recordings.recorded_cluster import RecordedCluster

ASKED = {
    "explain_concept": "what's a headless service|tell me what a finalizer is|requests vs limits?|ErrImagePull vs ImagePullBackOff|define owner reference|which restart policies exist?|what are the access modes of a volume|what is spec.template.spec.serviceAccountName for|exit code 143?|NodePort or LoadBalancer, what's the difference",
    "how_to": "kubectl: get all images in the cluster|which command rolls back a deployment?|what's the kubectl command for scaling a deployment|one liner to count pods per namespace|kubectl syntax for adding a label|jsonpath for the pod ips",
    "write": "I need a python script which lists unready pods|example of a pdb for cart-api|can you write a cronjob that runs every hour|I want a role that lets ci deploy in shop, as yaml|yaml template for a pvc of 20Gi|please produce an ingress manifest for docs-site|i need a network policy for hr-db|give me a patch that sets a memory limit",
    "who_may": "which service accounts can create pods|list everybody who can exec into pods|can anyone delete nodes?|does ingress-nginx have the right to read secrets",
    "who_uses": "find all users of configmap orders-web-nginx|which deployments run image nginx|is the secret payments-redis still used?",
    "reach": "is cart-api reachable from docs-site?|does a network policy block hr-portal from hr-db",
    "events": "show warnings of the last hour|group the events by reason|event history of checkout-api please|warnings since yesterday",
    "top": "what eats the cpu?|the three oldest pods|largest images on the nodes|most restarted pod?",
    "compare": "how do cart-api and docs-site differ|cart-api vs docs-site|what is different between cart-api and docs-site",
    "field": "env vars of orders-api|cluster ip of payments-redis|which serviceaccount does cart-api use|show spec.strategy of cart-api|labels on worker-3|is worker-3 tainted?|max replicas of cart-api|target port of service cart-api|does cart-api have an autoscaler?|which network policies select hr-db",
    "list": "daemonsets by age|claims in shop|services with a load balancer|which claims are bound?|what is on node worker-1 right now",
    "priorities": "is anything broken?|what is failing?|is there anything unhealthy in the cluster",
    "about_agent": "can you undo the changes you made?",
    "small_talk": "you are so helpful|you're terrible",
    "status": "is dns fine?|is node worker-1 ok?",
    "logs": "any errors in the log of cart-api?|count the ERROR lines of orders-api|show me what cart-api logged in the last 10 minutes|last 5 lines of cart-api|what does payments-redis log?|exceptions in the orders-api log|cart-api: is there any ETIMEDOUT in its logs?",
}
COMPLAINTS = "python app in crm-api keeps crashing|the ingress manifest is rejected by the server|cart-api logs nothing but errors, why?|orders-api gives errors since the deployment|the oldest pod keeps crashing|why does the network policy block hr-portal from hr-db?|pods without endpoints are failing, why|the cronjob that runs every night is failing|cart-api is unready, does it need more memory?|how do I fix checkout-api?|what's up with checkout-api?|Warum stürzt checkout-api ab?|woran liegt es, dass worker-2 nicht erreichbar ist?|checkout-api redémarre sans arrêt|pods in shop are crashing|services in shop do not answer"


def test_each_way_of_asking_is_told_by_its_form(demo: RecordedCluster) -> None:
    wrong = [
        (want, text, got) for want, texts in ASKED.items() for text in texts.split("|") if (got := request_of(text, demo).wants) != want
    ]
    assert wrong == []


def test_a_complaint_is_no_question_about_logs_terms_or_templates(demo: RecordedCluster) -> None:
    assert [(text, got) for text in COMPLAINTS.split("|") if (got := request_of(text, demo).wants) not in ("diagnose", "status")] == []
