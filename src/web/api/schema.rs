//! How domain types look in the document; the domain itself knows nothing of documents.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use super::asked::Name;
use crate::domain::{Timestamp, Username};

fn text(build: impl FnOnce(ObjectBuilder) -> ObjectBuilder) -> RefOr<Schema> {
    build(ObjectBuilder::new().schema_type(Type::String)).into()
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        text(|object| {
            object
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
                .description(Some("A time in UTC (RFC 3339), to the millisecond."))
                .examples([serde_json::json!("2026-02-27T18:36:42.000Z")])
        })
    }
}

impl ToSchema for Timestamp {}

impl PartialSchema for Username {
    fn schema() -> RefOr<Schema> {
        text(|object| {
            object
                .pattern(Some("^[a-z0-9_.]{2,24}$"))
                .description(Some("A TikTok username, lower-case and without `@`."))
                .examples([serde_json::json!("khaby.lame")])
        })
    }
}

impl ToSchema for Username {}

impl PartialSchema for Name {
    fn schema() -> RefOr<Schema> {
        // Names of nothing but dots would lead to another address.
        text(|object| object.pattern(Some(r"^@?(?!\.+$)[A-Za-z0-9_.]{2,24}$")))
    }
}

impl ToSchema for Name {}
