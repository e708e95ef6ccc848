//! Servants and ports of a server: the blocks `tars` and `normal`.

use crate::{
    lenient::{decode_or_default, int, yes},
    rules,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Servants and configuration of a Tars server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TServerTars {
    /// Private configuration text. The registry merges it over the template; empty when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Servants (Tars objects) of the server; no servants when absent.
    #[serde(default, deserialize_with = "decode_or_default")]
    #[schemars(extend("x-tars-required" = true))]
    pub servants: Vec<TServerServant>,
    /// Further ports, besides those of the servants.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<TServerPort>,
    /// Number of threads for asynchronous callbacks of the client, 0 to 50; 3 when absent.
    #[serde(default = "int::<3>")]
    #[schemars(range(min = 0, max = 50))]
    pub async_thread: i32,
    /// Name of a TTemplate in the namespace, at most 63 characters.
    #[schemars(regex(pattern = rules::DNSSUB), length(max = 253))]
    pub template: String,
}

impl Default for TServerTars {
    fn default() -> Self {
        Self { profile: None, servants: Vec::new(), ports: Vec::new(), async_thread: int::<3>(), template: String::new() }
    }
}

/// A servant: a Tars object and its adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TServerServant {
    /// Name of the servant, for example `HelloObj`. The Service has a port with this name in lower case.
    #[schemars(regex(pattern = rules::SERVANT))]
    pub name: String,
    /// Port number, 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Number of handler threads, 1 to 99; 3 when absent.
    #[serde(default = "int::<3>")]
    #[schemars(range(min = 1, max = 99))]
    pub thread: i32,
    /// Capacity of the queue in requests, 1 to 3000000; 10000 when absent.
    #[serde(default = "int::<10_000>")]
    #[schemars(range(min = 1, max = 3_000_000))]
    pub capacity: i32,
    /// Maximal number of connections, 1 to 3000000; 10000 when absent.
    #[serde(default = "int::<10_000>")]
    #[schemars(range(min = 1, max = 3_000_000))]
    pub connection: i32,
    /// True for the Tars protocol, false for another protocol; true when absent.
    #[serde(default = "yes")]
    pub is_tars: bool,
    /// True for TCP, false for UDP; true when absent.
    #[serde(default = "yes")]
    pub is_tcp: bool,
    /// Time that a request may wait in the queue, in milliseconds, -1 to 6000000; 60000 when absent.
    #[serde(default = "int::<60_000>")]
    #[schemars(range(min = -1, max = 6_000_000))]
    pub timeout: i32,
}

impl Default for TServerServant {
    fn default() -> Self {
        Self {
            name: String::new(),
            port: 0,
            thread: int::<3>(),
            capacity: int::<10_000>(),
            connection: int::<10_000>(),
            is_tars: true,
            is_tcp: true,
            timeout: int::<60_000>(),
        }
    }
}

/// A port that does not belong to a servant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TServerPort {
    /// Name of the port in lower case, at most 15 characters.
    #[schemars(regex(pattern = rules::LOWERNAME), length(max = 15))]
    pub name: String,
    /// Port number, 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// True for TCP, false for UDP; true when absent.
    #[serde(default = "yes")]
    pub is_tcp: bool,
}

impl Default for TServerPort {
    fn default() -> Self {
        Self { name: String::new(), port: 0, is_tcp: true }
    }
}

/// Ports of a server that does not speak Tars.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TServerNormal {
    /// Ports that the server listens on; no ports when absent.
    #[serde(default, deserialize_with = "decode_or_default")]
    #[schemars(extend("x-tars-required" = true))]
    pub ports: Vec<TServerPort>,
}
