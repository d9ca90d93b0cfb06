"""The errors of the connector, sorted by what the caller does next; that is also the exit code.

Adapters translate at their own edge, once. The message names the thing, `hint` says what to do; both are shown
to people, so neither ever holds a token, a secret or an invoice body.
"""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar


class ConnectorError(Exception):
    """Root of the tree; `exit_code` is what a command ends with when nobody handles it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def hint_in(self, language: str) -> str:
        """What to do, in Dutch where there is a Dutch text."""
        return self.hint


class Permanent(ConnectorError):
    """These bytes, this request, this record: it will never work. Hold it and say why."""


class Misconfigured(ConnectorError):
    """The operator has to change a setting or the words of the command."""

    exit_code = 2


class NeedsPerson(ConnectorError):
    """Wait until somebody has acted: a lost authorisation, a missing right, an uncertain delivery."""

    exit_code = 3


class Transient(ConnectorError):
    """Try again, but not before `retry_at` (aware UTC; None: the caller's own pace)."""

    exit_code = 4

    def __init__(self, message: str, *, hint: str = "", retry_at: datetime | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_at = retry_at


class ExactRejected(Permanent):
    """Exact refused a request for what it says; `status` is the HTTP status."""

    def __init__(self, message: str, *, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class ExactUnexpected(Permanent):
    """Exact answered in a shape that we do not know, or pointed to another host."""


class RegisterUnexpected(Permanent):
    """The KVK register gave an answer that we cannot use for this question."""


class InvoiceUnreadable(Permanent):
    """The bytes are no invoice that we can read; `code` names the kind of trouble for the finding."""

    def __init__(self, message: str, *, code: str = "UNREADABLE", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class NotAnInvoice(Permanent):
    """The bytes are fine but hold no invoice (another document, a picture, a text)."""


class CannotRender(Permanent):
    """A mandatory fact is missing, or the totals differ; `reason` is the word under which the invoice is held."""

    def __init__(self, message: str, *, reason: str, hint: str = "", message_nl: str = "", hint_nl: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
        self.message_nl = message_nl
        self.hint_nl = hint_nl

    def in_words(self, language: str) -> str:
        """What is the matter and what helps, for the notice to the sender."""
        dutch = language == "nl" and self.message_nl
        return (
            ". ".join(
                part.rstrip(".")
                for part in ((self.message_nl, self.hint_nl) if dutch else (self.message, self.hint))
                if part
            )
            + "."
        )


class DeliveryRefused(Permanent):
    """The other side will never take this delivery (SMTP 5xx)."""


class NothingFound(Permanent):
    """A command named a thing that is not there."""


class SandboxFailed(Permanent):
    """The look-alike or the local mailbox could not start."""


class UnknownSetting(Misconfigured):
    """A key of config.toml or the environment that nobody reads."""


class InvalidSetting(Misconfigured):
    """A value of config.toml or the environment that cannot be used."""


class MissingSecret(Misconfigured):
    """A secret that the command needs is neither in the environment nor in the named file."""


class WrongUsage(Misconfigured):
    """The words of the command do not go together."""


class DatabaseBehind(Misconfigured):
    """The database is missing, of an unknown version, or not of this connector."""


class LossCause(StrEnum):
    """Why the tokens of a connection are of no use any more; kept in the database and told in `texts`."""

    OLD_REFRESH_TOKEN = "old_refresh_token"
    LOST_IN_FLIGHT = "lost_in_flight"
    REFRESH_TOKEN_EXPIRED = "refresh_token_expired"
    INVALID_GRANT = "invalid_grant"
    RESTORED = "restored"


class AuthorizationLost(NeedsPerson):
    """Exact no longer accepts the tokens of a connection; `cause` is a `LossCause` kept in the database."""

    def __init__(self, message: str, *, cause: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.cause = cause


class AuthorizationDenied(NeedsPerson):
    """The person said no on Exact's consent page, or the answer does not belong to our question."""


class RightsMissing(NeedsPerson):
    """Exact knows us but forbids this; `reason` is its own `Reason` header when it gave one."""

    def __init__(self, message: str, *, reason: str = "", hint: str = "", hint_nl: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
        self.hint_nl = hint_nl

    def hint_in(self, language: str) -> str:
        """What to do; accountants see it on the terminal of a colleague, so there is a Dutch text."""
        return self.hint_nl if language == "nl" and self.hint_nl else self.hint


class DeliveryUncertain(NeedsPerson):
    """The line dropped when the mail may have been taken already: never sent again by itself."""


class ExactUnavailable(Transient):
    """Exact cannot be reached, is overloaded or answers with something that is no API answer."""


class RegisterUnavailable(Transient):
    """The KVK register cannot be reached or asks to come back later."""


class ExactRateLimited(Transient):
    """The day's calls are spent, or an endpoint rests after too many refusals."""


class ExactDoubtful(Transient):
    """What Exact shows does not go with what it showed before; nothing is dropped for it, and it is asked again."""


class AnswerLost(ExactUnavailable):
    """A write went out and no answer came: whether it happened has to be looked up first."""


class DeliveryDeferred(Transient):
    """The other side says: later (SMTP 4xx, no connection made)."""


class Busy(Transient):
    """Another process is doing just this."""


class Superseded(Busy):
    """Somebody else stored something newer meanwhile; ours counts no longer."""
