//! What all kinds have in common: how a Rust struct becomes a resource of the group.

/// Defines one kind in one version: the object with its metadata, its (de)serialization with `apiVersion` and `kind`, and
/// [`kube::Resource`].
///
/// kube's own derive wants a `spec`, which half of the kinds do not have, and declares it required, which it is not in most of
/// the others; so all kinds are defined here, in one way.
macro_rules! root {
    ($version:ident $plural:literal; $(#[$meta:meta])* pub struct $Kind:ident { $($body:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
        #[serde(remote = "Self", rename_all = "camelCase")]
        pub struct $Kind {
            /// Standard metadata of the object.
            #[serde(default)]
            #[schemars(skip)]
            pub metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
            $($body)*
        }

        // `remote = "Self"` makes the derived code inherent functions, so that the trait can add the two type fields.
        impl serde::Serialize for $Kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                struct Body<'a>(&'a $Kind);
                impl serde::Serialize for Body<'_> {
                    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                        $Kind::serialize(self.0, serializer)
                    }
                }
                #[derive(serde::Serialize)]
                #[serde(rename_all = "camelCase")]
                struct Typed<'a> {
                    api_version: &'static str,
                    kind: &'static str,
                    #[serde(flatten)]
                    body: Body<'a>,
                }
                Typed {
                    api_version: concat!("k8s.tars.io/", stringify!($version)),
                    kind: stringify!($Kind),
                    body: Body(self),
                }
                .serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $Kind {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $Kind::deserialize(deserializer)
            }
        }

        impl kube::Resource for $Kind {
            type DynamicType = ();
            type Scope = kube::core::NamespaceResourceScope;

            fn kind((): &()) -> std::borrow::Cow<'_, str> {
                stringify!($Kind).into()
            }

            fn group((): &()) -> std::borrow::Cow<'_, str> {
                $crate::names::GROUP.into()
            }

            fn version((): &()) -> std::borrow::Cow<'_, str> {
                stringify!($version).into()
            }

            fn plural((): &()) -> std::borrow::Cow<'_, str> {
                $plural.into()
            }

            fn meta(&self) -> &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

/// Defines one kind alike in several versions, each in a module of the version's name.
macro_rules! kind {
    ([$($version:ident),+] $plural:literal; $object:tt) => {
        $(kind!(@version $version $plural $object);)+
    };
    (@version $version:ident $plural:literal { $($object:tt)* }) => {
        #[doc = concat!("The kind in ", stringify!($version), ".")]
        pub mod $version {
            #[allow(clippy::wildcard_imports, reason = "the version holds what its parent defines for all")]
            use super::*;

            $crate::kind::root! { $version $plural; $($object)* }
        }
    };
}

/// Gives a kind with a `spec` its constructor and kube's accessor.
macro_rules! with_spec {
    ($Kind:ty, $Spec:ty) => {
        impl $Kind {
            /// An object of this name, not yet in a namespace.
            pub fn new(name: &str, spec: $Spec) -> Self {
                let mut object = Self { spec, ..Self::default() };
                object.metadata.name = Some(name.to_owned());
                object
            }
        }

        impl kube::core::object::HasSpec for $Kind {
            type Spec = $Spec;

            fn spec(&self) -> &Self::Spec {
                &self.spec
            }

            fn spec_mut(&mut self) -> &mut Self::Spec {
                &mut self.spec
            }
        }
    };
}

/// Gives a kind with a `status` kube's accessor.
macro_rules! with_status {
    ($Kind:ty, $Status:ty) => {
        impl kube::core::object::HasStatus for $Kind {
            type Status = $Status;

            fn status(&self) -> Option<&Self::Status> {
                self.status.as_ref()
            }

            fn status_mut(&mut self) -> &mut Option<Self::Status> {
                &mut self.status
            }
        }
    };
}

pub(crate) use {kind, root, with_spec, with_status};
