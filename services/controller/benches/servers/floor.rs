//! The lower bound of a creation: the same requests as those of the controller, sent by a program that knows them beforehand. No controller can
//! be faster than that on the same machine.

use super::{
    CLIENTS,
    cluster::{Controller, Space},
    followers::{DERIVED, Followers, Stage},
    print_times,
};
use futures::{StreamExt, TryStreamExt, future::try_join_all, stream};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use std::time::Instant;
use tars_bench::Result;
use tars_common::names::CONTROLLER_FIELD_MANAGER;

/// Everything that the controller has written for the first server, as JSON text.
struct Blueprint {
    /// In the order of [`DERIVED`].
    derived: Vec<String>,
    status: String,
}

/// Prints how long the API server takes for the requests of `count` creations.
pub async fn measure_floor(space: &Space, count: usize) -> Result<()> {
    let blueprint = Blueprint::draw(space).await?;
    let controller = space.as_controller().await?;
    let (mut followers, begun) = (Followers::watch(space).await?, Instant::now());
    let creations = stream::iter(0..count).map(|number| blueprint.build(space, &controller, number)).buffer_unordered(CLIENTS);
    let (written, followed) =
        futures::join!(creations.try_collect::<Vec<()>>(), followers.wait_for(count, Stage::Created, begun));
    written?;
    print_times(&format!("{count} TServers: the same requests without a controller"), &followed?, begun.elapsed());
    space.delete_all().await?;
    // The garbage collector would take minutes.
    for kind in DERIVED {
        space.api(kind).delete_collection(&DeleteParams::background(), &ListParams::default()).await?;
    }
    followers.wait_for(count, Stage::Deleted, begun).await?;
    Ok(())
}

impl Blueprint {
    /// Lets a controller make one server, and notes what it has written.
    async fn draw(space: &Space) -> Result<Self> {
        let controller = Controller::start(space)?;
        controller.wait_until_leading().await?;
        let mut followers = Followers::watch(space).await?;
        let begun = Instant::now();
        space.create_server(0).await?;
        followers.wait_for(1, Stage::Created, begun).await?;
        let mut derived = Vec::new();
        for kind in DERIVED {
            derived.push(describe(&space.api(kind).get("bench-s0").await?)?.to_string());
        }
        let server = serde_json::to_value(space.servers().get("bench-s0").await?)?;
        space.delete_server(0).await?;
        followers.wait_for(1, Stage::Deleted, begun).await?;
        Ok(Self { derived, status: server["status"].to_string() })
    }

    /// Writes everything for the server `number`: what people send, then what the controller sends, in its order.
    async fn build(&self, space: &Space, controller: &Space, number: usize) -> Result<()> {
        let made = space.create_server(number).await?;
        let name = format!("bench-s{number}");
        let params = PatchParams::apply(CONTROLLER_FIELD_MANAGER).force();
        let followers = DERIVED.into_iter().zip(&self.derived).map(async |(kind, text)| {
            let mut object = rename(text, number)?;
            object["metadata"]["ownerReferences"][0]["uid"] = json!(made.metadata.uid);
            let api = controller.api(kind);
            if kind.2 == "TExitedRecord" {
                api.create(&PostParams::default(), &serde_json::from_value(object)?).await?;
            } else {
                // As the controller does, so that the apply makes an object.
                object["metadata"]["resourceVersion"] = json!("1");
                api.patch(&name, &params, &Patch::Apply(object)).await?;
            }
            Result::Ok(())
        });
        try_join_all(followers).await?;
        let status = rename(&self.status, number)?;
        let body = json!({"apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": name}, "status": status});
        controller.servers().patch_status(&name, &params, &Patch::Apply(body)).await?;
        Ok(())
    }
}

/// What was written for the first server, for the server `number`.
fn rename(text: &str, number: usize) -> Result<Value> {
    let text = text.replace("bench-s0", &format!("bench-s{number}")).replace("\"S0\"", &format!("\"S{number}\""));
    // The selector in a status names the server within a text.
    Ok(serde_json::from_str(&text.replace("ServerName=S0", &format!("ServerName=S{number}")))?)
}

/// `object` as it was written: without what the API server and other controllers added.
fn describe(object: &DynamicObject) -> Result<Value> {
    let mut value = serde_json::to_value(object)?;
    if let Some(members) = value.as_object_mut() {
        members.remove("status");
    }
    if let Some(metadata) = value["metadata"].as_object_mut() {
        metadata.retain(|name, _| matches!(name.as_str(), "name" | "namespace" | "labels" | "annotations" | "ownerReferences"));
    }
    Ok(value)
}
