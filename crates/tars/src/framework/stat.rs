//! `StatF`: statistics of calls, through tarsstat.

use crate::TarsStruct;
use std::collections::BTreeMap;

/// Whose calls are counted; all fields are part of the key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, TarsStruct)]
pub struct StatMicMsgHead {
    /// Caller.
    #[tars(tag = 0, require)]
    pub master_name: String,
    /// Called server.
    #[tars(tag = 1, require)]
    pub slave_name: String,
    /// Function.
    #[tars(tag = 2, require)]
    pub interface_name: String,
    /// Address of the caller.
    #[tars(tag = 3, require)]
    pub master_ip: String,
    /// Address of the called server.
    #[tars(tag = 4, require)]
    pub slave_ip: String,
    /// Port of the called server.
    #[tars(tag = 5, require)]
    pub slave_port: i32,
    /// Return code.
    #[tars(tag = 6, require)]
    pub return_value: i32,
    /// Set name of the called server.
    #[tars(tag = 7, optional)]
    pub slave_set_name: String,
    /// Set area of the called server.
    #[tars(tag = 8, optional)]
    pub slave_set_area: String,
    /// Set group of the called server.
    #[tars(tag = 9, optional, name = "slaveSetID")]
    pub slave_set_id: String,
    /// Framework version.
    #[tars(tag = 10, optional)]
    pub tars_version: String,
}

/// What was counted.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct StatMicMsgBody {
    /// Successful calls.
    #[tars(tag = 0, require)]
    pub count: i32,
    /// Calls that timed out.
    #[tars(tag = 1, require)]
    pub timeout_count: i32,
    /// Failed calls.
    #[tars(tag = 2, require)]
    pub exec_count: i32,
    /// Calls by upper bound of their duration in milliseconds.
    #[tars(tag = 3, require)]
    pub interval_count: BTreeMap<i32, i32>,
    /// Sum of the durations in milliseconds.
    #[tars(tag = 4, require)]
    pub total_rsp_time: i64,
    /// Longest duration in milliseconds.
    #[tars(tag = 5, require)]
    pub max_rsp_time: i32,
    /// Shortest duration in milliseconds.
    #[tars(tag = 6, require)]
    pub min_rsp_time: i32,
}

/// One sampled call.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct StatSampleMsg {
    /// Id of the sample.
    #[tars(tag = 0, require)]
    pub unid: String,
    /// Caller.
    #[tars(tag = 1, require)]
    pub master_name: String,
    /// Called server.
    #[tars(tag = 2, require)]
    pub slave_name: String,
    /// Function.
    #[tars(tag = 3, require)]
    pub interface_name: String,
    /// Address of the caller.
    #[tars(tag = 4, require)]
    pub master_ip: String,
    /// Address of the called server.
    #[tars(tag = 5, require)]
    pub slave_ip: String,
    /// Depth in the call tree.
    #[tars(tag = 6, require)]
    pub depth: i32,
    /// Position among siblings.
    #[tars(tag = 7, require)]
    pub width: i32,
    /// Position of the parent.
    #[tars(tag = 8, require)]
    pub parent_width: i32,
}

/// Who reports.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ProxyInfo {
    /// Whether a client counted.
    #[tars(tag = 0, require, name = "bFromClient")]
    pub from_client: bool,
}

/// Statistics of calls.
#[crate::interface]
pub trait StatF {
    /// Adds counts.
    async fn report_mic_msg(
        &self,
        msg: BTreeMap<StatMicMsgHead, StatMicMsgBody>,
        #[tars(name = "bFromClient")] from_client: bool,
    ) -> i32;

    /// Adds samples.
    async fn report_sample_msg(&self, msg: Vec<StatSampleMsg>) -> i32;
}
