//! Turns a Rust struct into a resource of the group.
//!
//! Rust has no type parameter for a version, so each version of a kind is a type of its own, and `apiVersion` follows from the type.
//! The macros generate these types. A derive macro of kube exists, but it demands a `spec`, which half of the kinds do not have.

/// Defines one kind in one version: the object with its metadata, its encoding with `apiVersion` and `kind`, and [`kube::Resource`].
macro_rules! root {
    ($version:ident $plural:literal; $(#[$meta:meta])* pub struct $Kind:ident { $($body:tt)* }) => {
        #[derive(Clone, Debug, Default, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
        $(#[$meta])*
        #[serde(remote = "Self", rename_all = "camelCase")]
        pub struct $Kind {
            /// Standard metadata of the object.
            #[serde(default)]
            #[schemars(skip)]
            pub metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
            $($body)*
        }

        // `remote = "Self"` turns the derived code into inherent functions. The trait calls them and adds `apiVersion` and `kind`.
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

/// Defines a kind that is equal in several versions. Each version gets a module of its name.
macro_rules! kind {
    ([$($version:ident),+] $plural:literal; $object:tt) => {
        $(kind!(@version $version $plural $object);)+
    };
    (@version $version:ident $plural:literal { $($object:tt)* }) => {
        #[doc = concat!("The kind in ", stringify!($version), ".")]
        pub mod $version {
            #[allow(clippy::wildcard_imports, reason = "the module has one type, which uses what its parent defines")]
            use super::*;

            $crate::kind::root! { $version $plural; $($object)* }
        }
    };
}

pub(crate) use {kind, root};
