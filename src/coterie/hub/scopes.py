"""What the service and people may do at the Hub: the whole list, each with its reason."""

from __future__ import annotations

SERVICE = "coterie"
CLIENT = "service-coterie"
#: Exactly these; without any one of them a call that the service makes is refused.
SERVICE_SCOPES = {
    "admin:users": "creates and removes the workspaces' accounts; the Hub has nothing narrower",
    "servers": "starts, stops and follows servers",
    "shares": "makes and withdraws the Hub's shares",
    "access:servers": "the Hub lets nobody share what they may not enter themselves",
    "read:roles:users": "the rights that people hold directly",
    "read:roles:groups": "the rights that people hold through a group",
    "list:groups": "groups to share with",
    "read:groups": "who is in a group",
}

#: Marks a token as a person's. A server's own token and a token from a workspace's page lack it.
PERSON_SCOPE = f"access:services!service={SERVICE}"
