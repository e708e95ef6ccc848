//! The parts of the watched objects that the index needs, read with [`Loose`] fields.
//!
//! The full types are `tars_common`'s; these leave out what makes a TEndpoint large (states of containers, managed fields), which
//! would otherwise be decoded and dropped again for each of a server's pods at each change.

use crate::loose::Loose;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, core::NamespaceResourceScope};
use serde::{Deserialize, Deserializer};
use std::{borrow::Cow, collections::HashMap};
use tars_common::v1beta3 as full;

/// Defines an object with its metadata and `kube::Resource` as the full type has it.
macro_rules! slim {
    ($(#[$meta:meta])* $Slim:ident of $Full:ty { $($(#[$field_meta:meta])* $field:ident: $Type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $Slim {
            /// Name and versions only.
            #[serde(deserialize_with = "metadata")]
            pub metadata: ObjectMeta,
            $($(#[$field_meta])* pub $field: $Type,)*
        }

        impl Resource for $Slim {
            type DynamicType = ();
            type Scope = NamespaceResourceScope;

            fn kind((): &()) -> Cow<'_, str> {
                <$Full>::kind(&())
            }

            fn group((): &()) -> Cow<'_, str> {
                <$Full>::group(&())
            }

            fn version((): &()) -> Cow<'_, str> {
                <$Full>::version(&())
            }

            fn plural((): &()) -> Cow<'_, str> {
                <$Full>::plural(&())
            }

            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

slim! {
    /// A TEndpoint.
    EndpointObject of full::TEndpoint {
        /// What the server serves.
        spec: Loose<EndpointSpec>,
        /// Its pods.
        status: Loose<EndpointStatus>,
    }
}

slim! {
    /// A TTemplate.
    TemplateObject of full::TTemplate {
        /// Text and parent.
        spec: Loose<TemplateSpec>,
    }
}

slim! {
    /// A TFrameworkConfig.
    FrameworkObject of full::TFrameworkConfig {
        /// Endpoints of other clusters by servant id.
        up_chain: Loose<HashMap<String, Loose<Vec<Loose<UpChainEndpoint>>>>>,
    }
}

/// `spec` of a TEndpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EndpointSpec {
    /// Absent for servers of sub-type `normal`.
    pub tars: Loose<Tars>,
}

/// `spec.tars` of a TEndpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tars {
    /// Threads of asynchronous call-backs.
    pub async_thread: Loose<i32>,
    /// Name of the template.
    pub template: Loose<String>,
    /// Private template text; absent when empty.
    pub profile: Loose<String>,
    /// The servants.
    pub servants: Loose<Vec<Loose<Servant>>>,
}

/// One of `spec.tars.servants`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Servant {
    /// Name of the object.
    pub name: Loose<String>,
    /// Port.
    pub port: Loose<i32>,
    /// Handler threads.
    pub thread: Loose<i32>,
    /// Most connections.
    pub connection: Loose<i32>,
    /// Capacity of the queue.
    pub capacity: Loose<i32>,
    /// Milliseconds that a request may wait.
    pub timeout: Loose<i32>,
    /// TCP, else UDP.
    pub is_tcp: Loose<bool>,
    /// The Tars protocol, else another one.
    pub is_tars: Loose<bool>,
}

/// `status` of a TEndpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EndpointStatus {
    /// Absent as long as the server is new.
    pub pods: Loose<Vec<Loose<Pod>>>,
}

/// One of `status.pods`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pod {
    /// Name of the pod.
    pub name: Loose<String>,
    /// What is wanted of it.
    pub setting_state: Loose<String>,
    /// What it does.
    pub present_state: Loose<String>,
}

/// `spec` of a TTemplate.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TemplateSpec {
    /// Name of the parent; its own name for none.
    pub parent: Loose<String>,
    /// The text.
    pub content: Loose<String>,
}

/// One endpoint of the up-chain.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpChainEndpoint {
    /// Host name or address.
    pub host: Loose<String>,
    /// Port.
    pub port: Loose<i32>,
    /// Milliseconds, 6000 when absent.
    pub timeout: Loose<i32>,
    /// TCP, else UDP; TCP when absent.
    pub is_tcp: Loose<bool>,
}

fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Slim {
        name: Option<String>,
        namespace: Option<String>,
        resource_version: Option<String>,
    }
    let Slim { name, namespace, resource_version } = Slim::deserialize(deserializer)?;
    Ok(ObjectMeta { name, namespace, resource_version, ..ObjectMeta::default() })
}
