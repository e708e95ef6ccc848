//! `PropertyF`: properties that servers measure themselves, through tarsproperty.

use crate::TarsStruct;
use std::collections::BTreeMap;

/// Which property of whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, TarsStruct)]
pub struct StatPropMsgHead {
    /// Server.
    #[tars(tag = 0, require)]
    pub module_name: String,
    /// Address of the server.
    #[tars(tag = 1, require)]
    pub ip: String,
    /// Property.
    #[tars(tag = 2, require)]
    pub property_name: String,
    /// Set name.
    #[tars(tag = 3, optional)]
    pub set_name: String,
    /// Set area.
    #[tars(tag = 4, optional)]
    pub set_area: String,
    /// Set group.
    #[tars(tag = 5, optional, name = "setID")]
    pub set_id: String,
    /// Container.
    #[tars(tag = 6, optional, name = "sContainer")]
    pub container: String,
    /// Version of the report.
    #[tars(tag = 7, optional, name = "iPropertyVer", default = 1)]
    pub version: i32,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct StatPropInfo {
    /// `Sum`, `Avg`, `Distr`, `Count`, `Max` or `Min`.
    #[tars(tag = 0, require)]
    pub policy: String,
    /// Text form of the value.
    #[tars(tag = 1, require)]
    pub value: String,
}

/// Values of one property.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct StatPropMsgBody {
    /// One for each policy.
    #[tars(tag = 0, require, name = "vInfo")]
    pub info: Vec<StatPropInfo>,
}

/// Properties of servers.
#[crate::interface]
pub trait PropertyF {
    /// Adds values.
    async fn report_prop_msg(&self, statmsg: BTreeMap<StatPropMsgHead, StatPropMsgBody>) -> i32;
}
