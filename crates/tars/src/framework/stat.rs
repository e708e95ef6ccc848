//! `StatF`: statistics of calls, which clients and servers send to tarsstat.

use crate::TarsStruct;
use std::collections::BTreeMap;

/// Says which calls are counted together. All fields are part of the key of a report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, TarsStruct)]
pub struct StatMicMsgHead {
    /// Name of the caller.
    #[tars(tag = 0, require)]
    pub master_name: String,
    /// Name of the called server.
    #[tars(tag = 1, require)]
    pub slave_name: String,
    /// Name of the called function.
    #[tars(tag = 2, require)]
    pub interface_name: String,
    /// IP address of the caller.
    #[tars(tag = 3, require)]
    pub master_ip: String,
    /// IP address of the called server.
    #[tars(tag = 4, require)]
    pub slave_ip: String,
    /// Port of the called server.
    #[tars(tag = 5, require)]
    pub slave_port: i32,
    /// Return code of the calls.
    #[tars(tag = 6, require)]
    pub return_value: i32,
    /// First part of the called server's set.
    #[tars(tag = 7, optional)]
    pub slave_set_name: String,
    /// Second part of the called server's set.
    #[tars(tag = 8, optional)]
    pub slave_set_area: String,
    /// Third part of the called server's set.
    #[tars(tag = 9, optional, name = "slaveSetID")]
    pub slave_set_id: String,
    /// Version of the reporter's Tars library.
    #[tars(tag = 10, optional)]
    pub tars_version: String,
}

/// The counts of calls with the same [`StatMicMsgHead`].
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct StatMicMsgBody {
    /// How many calls succeeded.
    #[tars(tag = 0, require)]
    pub count: i32,
    /// How many calls timed out.
    #[tars(tag = 1, require)]
    pub timeout_count: i32,
    /// How many calls failed in another way.
    #[tars(tag = 2, require)]
    pub exec_count: i32,
    /// How many calls took at most this long, by the limit in milliseconds.
    #[tars(tag = 3, require)]
    pub interval_count: BTreeMap<i32, i32>,
    /// How long all calls took together, in milliseconds.
    #[tars(tag = 4, require)]
    pub total_rsp_time: i64,
    /// How long the slowest call took, in milliseconds.
    #[tars(tag = 5, require)]
    pub max_rsp_time: i32,
    /// How long the fastest call took, in milliseconds.
    #[tars(tag = 6, require)]
    pub min_rsp_time: i32,
}

/// One sampled call.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct StatSampleMsg {
    /// Id of the call tree that the sample belongs to.
    #[tars(tag = 0, require)]
    pub unid: String,
    /// Name of the caller.
    #[tars(tag = 1, require)]
    pub master_name: String,
    /// Name of the called server.
    #[tars(tag = 2, require)]
    pub slave_name: String,
    /// Name of the called function.
    #[tars(tag = 3, require)]
    pub interface_name: String,
    /// IP address of the caller.
    #[tars(tag = 4, require)]
    pub master_ip: String,
    /// IP address of the called server.
    #[tars(tag = 5, require)]
    pub slave_ip: String,
    /// How deep the call is in the call tree.
    #[tars(tag = 6, require)]
    pub depth: i32,
    /// Position of the call among those of the same caller.
    #[tars(tag = 7, require)]
    pub width: i32,
    /// Position of the calling call among those of its caller.
    #[tars(tag = 8, require)]
    pub parent_width: i32,
}

/// Says who reports.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ProxyInfo {
    /// Whether the report comes from the calling side.
    #[tars(tag = 0, require, name = "bFromClient")]
    pub from_client: bool,
}

/// Collects statistics of calls.
#[crate::interface]
pub trait StatF {
    /// Takes counts of calls.
    async fn report_mic_msg(
        &self,
        msg: BTreeMap<StatMicMsgHead, StatMicMsgBody>,
        #[tars(name = "bFromClient")] from_client: bool,
    ) -> i32;

    /// Takes sampled calls.
    async fn report_sample_msg(&self, msg: Vec<StatSampleMsg>) -> i32;
}
