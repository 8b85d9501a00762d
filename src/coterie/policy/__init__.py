"""Who may do what: facts in, decision out. No input or output, no clock, no imports from the rest of Coterie."""

from coterie.policy.acts import (
    HOME_NEEDS,
    NEEDS,
    Act,
    Permit,
    Refusal,
    Verdict,
    Why,
    may,
    may_anonymise,
    may_grant,
    may_invite,
    may_name,
    may_remove,
    may_set_general_access,
)
from coterie.policy.decision import Allow, Decision, Deny, Reason, Through, decide
from coterie.policy.facts import DIRECT, GeneralAccess, Grant, Person, Principal, PrincipalKind, Workspace
from coterie.policy.roles import GRANTABLE, INVITABLE, Role

__all__ = [
    "DIRECT",
    "GRANTABLE",
    "HOME_NEEDS",
    "INVITABLE",
    "NEEDS",
    "Act",
    "Allow",
    "Decision",
    "Deny",
    "GeneralAccess",
    "Grant",
    "Permit",
    "Person",
    "Principal",
    "PrincipalKind",
    "Reason",
    "Refusal",
    "Role",
    "Through",
    "Verdict",
    "Why",
    "Workspace",
    "decide",
    "may",
    "may_anonymise",
    "may_grant",
    "may_invite",
    "may_name",
    "may_remove",
    "may_set_general_access",
]
