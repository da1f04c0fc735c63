"""People who use the pages: accounts, sessions, tokens, one-time links, login attempts, and an audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _accounts()
    _ways_in()
    _invitations()
    op.create_table(
        "login_attempts",
        sa.Column("id", ID, nullable=False),
        sa.Column("subject", ID, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_login_attempts"),
    )
    op.create_index("ix_login_attempts_subject_at", "login_attempts", ["subject", "at"])
    op.create_index("ix_login_attempts_at", "login_attempts", ["at"])
    _audit_log()


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", ID, nullable=False),
        sa.Column("role", ID, nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("preferences", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("disabled_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("folded", name="uq_accounts_folded"),
    )


def _ways_in() -> None:
    own = {
        "sessions": (
            sa.Column("used_at", TIME, nullable=False),
            sa.Column("address", sa.Text(), nullable=False),
            sa.Column("agent", sa.Text(), nullable=False),
        ),
        "api_tokens": (
            sa.Column("prefix", ID, nullable=False),
            sa.Column("name", sa.Text(), nullable=False),
            sa.Column("scopes", sa.Text(), nullable=False),
            sa.Column("expires_at", TIME, nullable=False),
            sa.Column("used_at", TIME, nullable=True),
        ),
    }
    for table, columns in own.items():
        op.create_table(
            table,
            sa.Column("id", ID, nullable=False),
            sa.Column("account_id", ID, nullable=False),
            sa.Column("secret_hash", ID, nullable=False),
            sa.Column("created_at", TIME, nullable=False),
            sa.Column("ended_at", TIME, nullable=True),
            *columns,
            sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=f"fk_{table}_account_id"),
            sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
            sa.UniqueConstraint("secret_hash", name=f"uq_{table}_secret_hash"),
        )
        op.create_index(f"ix_{table}_account_id", table, ["account_id"])


def _invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("id", ID, nullable=False),
        sa.Column("secret_hash", ID, nullable=False),
        sa.Column("purpose", ID, nullable=False),
        sa.Column("role", ID, nullable=False),
        sa.Column("account_id", ID, nullable=True),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("used_by", ID, nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_invitations_account_id"),
        sa.ForeignKeyConstraint(["used_by"], ["accounts.id"], name="fk_invitations_used_by"),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("secret_hash", name="uq_invitations_secret_hash"),
    )


def _audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("at", TIME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", ID, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_log"),
    )
    op.create_index("ix_audit_log_at", "audit_log", ["at"])
    for statement in _APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)


_REFUSAL = "rows of the audit log are neither changed nor removed"
_APPEND_ONLY = {
    "sqlite": [
        f"CREATE TRIGGER audit_log_{verb} BEFORE {verb.upper()} ON audit_log"
        f" BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        for verb in ("update", "delete")
    ],
    "postgresql": [
        "CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
        "CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse()",
    ],
}
