"""Users of applications (Cognito): no guests with credentials of the account, strong sign-in, tokens only for one's own pages."""

from __future__ import annotations

from guardrails import kinds
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Messages, resource_rule
from guardrails.view import Resource

_LENGTH = 8
_DAYS = 7
"""What Cognito.3 asks for: characters of a password, and days that a first one holds. Where no password policy is said,
Cognito asks for the same (developer guide, "Adding user pool password requirements"); inside one, what is not said is off."""
_FLAGS = ("requireLowercase", "requireUppercase", "requireNumbers", "requireSymbols")
_PASSWORD_FLOWS = {"USER_PASSWORD_AUTH", "ALLOW_USER_PASSWORD_AUTH"}
_LOCAL = ("http://localhost", "http://127.0.0.1", "http://[::1]")
"""Where a program on the user's own machine waits for its token."""


@resource_rule(
    "Identity pools give guests no credentials",
    "medium",
    kinds.IDENTITY_POOL,
    ids=("fsbp:Cognito.2", "checkov:CKV_AWS_366"),
    why="Anyone who knows the pool gets credentials of the account; what its role may do, everybody may.",
    fix="Set allowUnauthenticatedIdentities to false.",
)
def identity_pool_no_guests(pool: Resource) -> Messages:
    if pool.truth("allowUnauthenticatedIdentities"):
        yield "it gives credentials to everybody (allowUnauthenticatedIdentities)"


@resource_rule(
    "Identity pools choose the role themselves",
    "medium",
    kinds.IDENTITY_POOL,
    ids=(),
    why="In the classic flow the application chooses the role, past the limits that Cognito sets on a session.",
    fix="Remove allowClassicFlow.",
)
def identity_pool_no_classic_flow(pool: Resource) -> Messages:
    if pool.truth("allowClassicFlow"):
        yield "applications choose the role (allowClassicFlow)"


@resource_rule(
    "Passwords of users are long and mixed",
    "medium",
    kinds.USER_POOL,
    ids=("fsbp:Cognito.3",),
    why="A short password is guessed, or found in the list of another leak.",
    fix="Set minimumLength to 8 or more, all four require… flags, and temporaryPasswordValidityDays to 7; or leave passwordPolicy out.",
)
def user_pool_passwords(pool: Resource) -> Messages:
    if not pool.has("passwordPolicy"):
        return
    policy = pool.node("passwordPolicy")
    length = policy.number("minimumLength", _LENGTH)
    if length < _LENGTH:
        yield f"it takes passwords of {length} characters (passwordPolicy.minimumLength)"
    missing = [flag for flag in _FLAGS if not policy.truth(flag)]
    if missing:
        yield f"it leaves {', '.join(missing)} off (passwordPolicy)"
    days = policy.number("temporaryPasswordValidityDays", _DAYS)
    if days > _DAYS:
        yield f"a first password holds for {days} days (passwordPolicy.temporaryPasswordValidityDays)"


@resource_rule(
    "Users prove themselves with a second factor",
    "low",
    kinds.USER_POOL,
    ids=("securityhub:Cognito.5",),
    why="A password that leaked elsewhere opens the account here too.",
    fix="Set mfaConfiguration to ON, or to OPTIONAL and lead your users to it.",
)
def user_pool_second_factor(pool: Resource) -> Messages:
    if pool.get("mfaConfiguration", "OFF") == "OFF":
        yield "there is no second factor (mfaConfiguration)"


@resource_rule(
    "User pools act on stolen passwords",
    "low",
    kinds.USER_POOL,
    ids=("securityhub:Cognito.1",),
    why="Lists of leaked passwords are tried by machines, faster than users complain.",
    fix="Set userPoolAddOns.advancedSecurityMode to ENFORCED (the Plus plan).",
)
def user_pool_threat_protection(pool: Resource) -> Messages:
    mode = pool.get("userPoolAddOns.advancedSecurityMode", "OFF")
    if mode != "ENFORCED":
        yield f"it does not act on them (userPoolAddOns.advancedSecurityMode is {mode})"


@resource_rule(
    "Production user pools are protected from deletion",
    "medium",
    kinds.USER_POOL,
    ids=("securityhub:Cognito.6",),
    why="Nobody can export the passwords in it: with the pool every account is gone.",
    fix="Set deletionProtection to ACTIVE.",
    stages=ONLY_PRODUCTION,
)
def user_pool_deletion_protection(pool: Resource) -> Messages:
    if pool.get("deletionProtection", "INACTIVE") != "ACTIVE":
        yield "deletion protection is off (deletionProtection)"


@resource_rule(
    "Tokens are sent only to encrypted pages",
    "high",
    kinds.USER_POOL_CLIENT,
    ids=(),
    why="Whoever stands between reads the code, and signs in as the user.",
    fix="Give https addresses in callbackUrls; plain http is for localhost alone.",
)
def user_pool_client_tls(client: Resource) -> Messages:
    for url in client.strings("callbackUrls"):
        local = any(url.lower().startswith((f"{start}:", f"{start}/")) or url.lower() == start for start in _LOCAL)
        if url.lower().startswith("http://") and not local:
            yield f"it sends tokens in clear to {url} (callbackUrls)"


@resource_rule(
    "Tokens are not put into addresses",
    "medium",
    kinds.USER_POOL_CLIENT,
    ids=(),
    why="In the implicit flow the token stands in the address: in the browser's history, and in logs on the way.",
    fix="Set allowedOauthFlows to code; applications in a browser use it with PKCE.",
)
def user_pool_client_no_implicit_flow(client: Resource) -> Messages:
    if "implicit" in client.strings("allowedOauthFlows"):
        yield "it takes the implicit flow (allowedOauthFlows)"


@resource_rule(
    "Passwords are proven, not sent",
    "low",
    kinds.USER_POOL_CLIENT,
    ids=(),
    why="With SRP the password never leaves the user's machine.",
    fix="Replace ALLOW_USER_PASSWORD_AUTH by ALLOW_USER_SRP_AUTH in explicitAuthFlows.",
)
def user_pool_client_no_password_flow(client: Resource) -> Messages:
    for flow in client.strings("explicitAuthFlows"):
        if flow in _PASSWORD_FLOWS:
            yield f"passwords are sent ({flow} in explicitAuthFlows)"


@resource_rule(
    "Sign-in does not tell who has an account",
    "low",
    kinds.USER_POOL_CLIENT,
    ids=(),
    why="Whoever knows which addresses have an account knows whom to write false letters, and whose password to try.",
    fix="Set preventUserExistenceErrors to ENABLED.",
    levels=ADVISORY_IN_DEV,
)
def user_pool_client_hides_users(client: Resource) -> Messages:
    if client.get("preventUserExistenceErrors", "LEGACY") != "ENABLED":
        yield "its errors tell who has an account (preventUserExistenceErrors)"
