"""Tables of the first version."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MONEY = sa.Text().with_variant(sa.Numeric(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "attachment",
        sa.Column("division", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("division", "id", name="pk_attachment"),
    )
    op.create_index("ix_attachment_division_document_id", "attachment", ["division", "document_id"])

    op.create_table(
        "budget",
        sa.Column("division", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", JSON, nullable=False),
        sa.PrimaryKeyConstraint("division", name="pk_budget"),
    )
    op.create_table(
        "connection",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("base_url", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("user_name", sa.String(), nullable=False),
        sa.Column("sealed_tokens", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("lease_by", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token_issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refresh_issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("renewal_begun_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_renewals", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.String(), nullable=True),
        sa.Column("fence", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_connection"),
        sa.UniqueConstraint("base_url", "client_id", "user_id", name="uq_connection_base_url_client_id_user_id"),
    )
    op.create_table(
        "contact",
        sa.Column("division", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("first_name", sa.String(), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("full_name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("is_main", sa.Boolean(), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("modified_by", sa.String(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("division", "id", name="pk_contact"),
    )
    op.create_index("ix_contact_division_customer", "contact", ["division", "customer"])

    op.create_table(
        "cursor",
        sa.Column("division", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("caught_up", sa.Boolean(), nullable=False),
        sa.Column("complete_to", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("comparing", sa.Boolean(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("compared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("division", "stream", name="pk_cursor"),
    )
    op.create_table(
        "customer",
        sa.Column("division", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("kvk", sa.String(), nullable=False),
        sa.Column("vat_number", sa.String(), nullable=False),
        sa.Column("oin", sa.String(), nullable=False),
        sa.Column("gln", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("address_line", sa.String(), nullable=False),
        sa.Column("postcode", sa.String(), nullable=False),
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("main_contact", sa.String(), nullable=True),
        sa.Column("invoice_account", sa.String(), nullable=True),
        sa.Column("invoicing_method", sa.Integer(), nullable=True),
        sa.Column("attachment_type", sa.Integer(), nullable=True),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("modified_by", sa.String(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("division", "id", name="pk_customer"),
    )
    op.create_index("ix_customer_division_code", "customer", ["division", "code"])

    op.create_table(
        "document",
        sa.Column("division", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("type", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=True),
        sa.Column("invoice_id", sa.String(), nullable=True),
        sa.Column("invoice_number", sa.Integer(), nullable=True),
        sa.Column("date", sa.Date(), nullable=True),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("division", "id", name="pk_document"),
    )
    op.create_index("ix_document_division_invoice_id", "document", ["division", "invoice_id"])
    op.create_index("ix_document_division_invoice_number", "document", ["division", "invoice_number"])

    op.create_table(
        "envelope",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("division", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.String(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("files", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_envelope"),
    )
    op.create_index("ix_envelope_division", "envelope", ["division"])
    op.create_index("ix_envelope_message_id", "envelope", ["message_id"])

    op.create_table(
        "file",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_file"),
    )
    op.create_table(
        "kvk_report",
        sa.Column("division", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("findings", JSON, nullable=False),
        sa.PrimaryKeyConstraint("division", "day", name="pk_kvk_report"),
    )
    op.create_table(
        "learned",
        sa.Column("division", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", JSON, nullable=False),
        sa.PrimaryKeyConstraint("division", "name", name="pk_learned"),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
    )
    op.create_table(
        "oauth_state",
        sa.Column("state_hash", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name="pk_oauth_state"),
    )
    op.create_table(
        "recipient",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kvk", sa.String(), nullable=False),
        sa.Column("oin", sa.String(), nullable=False),
        sa.Column("gln", sa.String(), nullable=False),
        sa.Column("vat", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recipient"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "reference",
        sa.Column("division", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("record", JSON, nullable=False),
        sa.PrimaryKeyConstraint("division", "kind", "code", name="pk_reference"),
    )
    op.create_table(
        "sales_invoice",
        sa.Column("division", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("type", sa.Integer(), nullable=False),
        sa.Column("invoice_date", sa.Date(), nullable=True),
        sa.Column("invoice_to", sa.String(), nullable=True),
        sa.Column("ordered_by", sa.String(), nullable=True),
        sa.Column("amount", MONEY, nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("division", "id", name="pk_sales_invoice"),
    )
    op.create_index("ix_sales_invoice_division_invoice_date", "sales_invoice", ["division", "invoice_date"])
    op.create_index("ix_sales_invoice_division_number", "sales_invoice", ["division", "number"])
    op.create_index(
        "ix_sales_invoice_to_take",
        "sales_invoice",
        ["division", "invoice_date", "number"],
        sqlite_where=sa.text("taken_at IS NULL"),
        postgresql_where=sa.text("taken_at IS NULL"),
    )

    op.create_table(
        "sales_invoice_row",
        sa.Column("division", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("invoice_id", sa.String(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("record", JSON, nullable=False),
        sa.PrimaryKeyConstraint("division", "id", name="pk_sales_invoice_row"),
    )
    op.create_index("ix_sales_invoice_row_division_invoice_id", "sales_invoice_row", ["division", "invoice_id"])

    op.create_table(
        "register_answer",
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("found", JSON, nullable=False),
        sa.PrimaryKeyConstraint("question", name="pk_register_answer"),
    )
    op.create_index("ix_register_answer_asked_at", "register_answer", ["asked_at"])

    op.create_table(
        "setup_run",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("division", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("undoes", sa.String(), nullable=True),
        sa.Column("upload_address", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["undoes"], ["setup_run.id"], name="fk_setup_run_undoes_setup_run"),
        sa.PrimaryKeyConstraint("id", name="pk_setup_run"),
    )
    op.create_index("ix_setup_run_division", "setup_run", ["division"])

    op.create_table(
        "division",
        sa.Column("code", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kvk", sa.String(), nullable=False),
        sa.Column("vat_number", sa.String(), nullable=False),
        sa.Column("address_line", sa.String(), nullable=False),
        sa.Column("postcode", sa.String(), nullable=False),
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("bank_iban", sa.String(), nullable=False),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("move_date", sa.String(), nullable=True),
        sa.Column("hr_link", sa.String(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reference_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name="fk_division_connection_id_connection"),
        sa.PrimaryKeyConstraint("code", name="pk_division"),
    )
    op.create_index("ix_division_connection_id", "division", ["connection_id"])

    op.create_table(
        "received_invoice",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("division", sa.BigInteger(), nullable=True),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("envelope_id", sa.String(), nullable=False),
        sa.Column("exact_id", sa.String(), nullable=True),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("issue_date", sa.Date(), nullable=True),
        sa.Column("seller_name", sa.String(), nullable=False),
        sa.Column("seller_kvk", sa.String(), nullable=True),
        sa.Column("seller_key", sa.String(), nullable=False),
        sa.Column("buyer_name", sa.String(), nullable=False),
        sa.Column("buyer_kvk", sa.String(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("payable", MONEY, nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("format", sa.String(), nullable=True),
        sa.Column("xml", sa.String(), nullable=True),
        sa.Column("pdf", sa.String(), nullable=False),
        sa.Column("xml_sha256", sa.String(), nullable=True),
        sa.Column("pdf_sha256", sa.String(), nullable=True),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("findings", JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["envelope_id"], ["envelope.id"], name="fk_received_invoice_envelope_id_envelope"),
        sa.ForeignKeyConstraint(["pdf_sha256"], ["file.sha256"], name="fk_received_invoice_pdf_sha256_file"),
        sa.ForeignKeyConstraint(["xml_sha256"], ["file.sha256"], name="fk_received_invoice_xml_sha256_file"),
        sa.PrimaryKeyConstraint("id", name="pk_received_invoice"),
    )
    op.create_index("ix_received_invoice_division_state", "received_invoice", ["division", "state"])
    op.create_index("ix_received_invoice_envelope_id", "received_invoice", ["envelope_id"])
    op.create_index("ix_received_invoice_seller_key_number", "received_invoice", ["seller_key", "number"])
    op.create_index("ix_received_invoice_state", "received_invoice", ["state"])
    op.create_index("ix_received_invoice_xml_sha256", "received_invoice", ["xml_sha256"])
    op.create_index(
        "uq_received_invoice_division_exact_id",
        "received_invoice",
        ["division", "exact_id"],
        unique=True,
        sqlite_where=sa.text("exact_id IS NOT NULL"),
        postgresql_where=sa.text("exact_id IS NOT NULL"),
    )

    op.create_table(
        "setup_step",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("division", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("customer_code", sa.String(), nullable=False),
        sa.Column("customer_name", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=True),
        sa.Column("before", JSON, nullable=True),
        sa.Column("after", JSON, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("undone_by", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["setup_run.id"], name="fk_setup_step_run_id_setup_run"),
        sa.ForeignKeyConstraint(["undone_by"], ["setup_run.id"], name="fk_setup_step_undone_by_setup_run"),
        sa.PrimaryKeyConstraint("id", name="pk_setup_step"),
    )
    op.create_index("ix_setup_step_division_contact_id", "setup_step", ["division", "contact_id"])
    op.create_index("ix_setup_step_run_id", "setup_step", ["run_id"])

    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.String(), nullable=True),
        sa.Column("division", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("body_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["received_invoice.id"], name="fk_delivery_invoice_id_received_invoice"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint(
            "invoice_id",
            "kind",
            "channel",
            "address",
            "cause",
            name="uq_delivery_invoice_id_kind_channel_address_cause",
        ),
        sa.UniqueConstraint("message_id", name="uq_delivery_message_id"),
    )
    op.create_index("ix_delivery_division", "delivery", ["division"])
    op.create_index(
        "uq_delivery_without_invoice",
        "delivery",
        ["kind", "channel", "address", "cause"],
        unique=True,
        sqlite_where=sa.text("invoice_id IS NULL"),
        postgresql_where=sa.text("invoice_id IS NULL"),
    )
    op.create_index("ix_delivery_state_due_at", "delivery", ["state", "due_at"])

    op.create_table(
        "invoice_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["received_invoice.id"], name="fk_invoice_event_invoice_id_received_invoice"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_invoice_event"),
    )
    op.create_index("ix_invoice_event_invoice_id", "invoice_event", ["invoice_id"])
