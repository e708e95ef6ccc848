//! `PropertyF`: properties that servers measure themselves and send to tarsproperty.

use crate::TarsStruct;
use std::collections::BTreeMap;

/// Names a property and the server that has it. All fields are part of the key of a report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, TarsStruct)]
pub struct StatPropMsgHead {
    /// Name of the server.
    #[tars(tag = 0, require)]
    pub module_name: String,
    /// IP address of the server.
    #[tars(tag = 1, require)]
    pub ip: String,
    /// Name of the property.
    #[tars(tag = 2, require)]
    pub property_name: String,
    /// First part of the server's set.
    #[tars(tag = 3, optional)]
    pub set_name: String,
    /// Second part of the server's set.
    #[tars(tag = 4, optional)]
    pub set_area: String,
    /// Third part of the server's set.
    #[tars(tag = 5, optional, name = "setID")]
    pub set_id: String,
    /// Container that the server runs in.
    #[tars(tag = 6, optional, name = "sContainer")]
    pub container: String,
    /// Version of the report's form.
    #[tars(tag = 7, optional, name = "iPropertyVer", default = 1)]
    pub version: i32,
}

/// One value of a property.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct StatPropInfo {
    /// How values become one: `Sum`, `Avg`, `Distr`, `Count`, `Max` or `Min`.
    #[tars(tag = 0, require)]
    pub policy: String,
    /// The value as text.
    #[tars(tag = 1, require)]
    pub value: String,
}

/// The values of one property.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct StatPropMsgBody {
    /// One value for each policy.
    #[tars(tag = 0, require, name = "vInfo")]
    pub info: Vec<StatPropInfo>,
}

/// Collects properties of servers.
#[crate::interface]
pub trait PropertyF {
    /// Takes the values of properties.
    async fn report_prop_msg(&self, statmsg: BTreeMap<StatPropMsgHead, StatPropMsgBody>) -> i32;
}
