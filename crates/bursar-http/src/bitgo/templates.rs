//! Access-token templates (WC §1.4).

use bursar_core::id::TemplateId;
use bursar_wire::{requests, shapes};
use serde_json::json;

use crate::call::{Call, Reply};
use crate::failure::Failure;

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let principal = call.principal()?;
    let (templates, next) = call.bursar.templates(principal, call.page::<TemplateId>(25, 100)?).await?;
    let user = principal.owner.id;
    let list =
        templates.iter().map(|(id, template)| shapes::template(*id, user, template, call.bursar.decimals())).collect();
    Reply::ok(shapes::templates(list, next))
}

pub(crate) async fn create(call: Call) -> Result<Reply, Failure> {
    let principal = call.principal()?;
    let template = requests::Template::read(&call.json_with_limits()?)?;
    let id = call.bursar.create_template(principal, &template).await?;
    Reply::ok(shapes::template(id, principal.owner.id, &template, call.bursar.decimals()))
}

pub(crate) async fn show(call: Call) -> Result<Reply, Failure> {
    let (principal, id) = (call.principal()?, call.id("template")?);
    let template = call.bursar.template(principal, id).await?;
    Reply::ok(shapes::template(id, principal.owner.id, &template, call.bursar.decimals()))
}

pub(crate) async fn edit(call: Call) -> Result<Reply, Failure> {
    let (principal, id) = (call.principal()?, call.id("template")?);
    let edit = requests::TemplateEdit::read(&call.json_with_limits()?)?;
    let template = call.bursar.edit_template(principal, id, edit).await?;
    Reply::ok(shapes::template(id, principal.owner.id, &template, call.bursar.decimals()))
}

pub(crate) async fn remove(call: Call) -> Result<Reply, Failure> {
    let id: TemplateId = call.id("template")?;
    call.bursar.delete_template(call.principal()?, id).await?;
    Reply::ok(json!({"id": id.to_string()}))
}
