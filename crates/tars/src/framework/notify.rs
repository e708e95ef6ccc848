//! `Notify`: what servers and nodes tell operators, through tarsnotify.

use crate::{TarsEnum, TarsStruct};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, TarsEnum)]
pub enum NotifyLevel {
    /// Good to know.
    #[default]
    Normal = 0,
    /// Look at it.
    Warn = 1,
    /// Something failed.
    Error = 2,
}

/// What is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, TarsEnum)]
pub enum ReportType {
    /// A report.
    #[default]
    Report = 0,
    /// A notification.
    Notify = 1,
}

/// One report.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ReportInfo {
    /// Kind of report.
    #[tars(tag = 1, require, name = "eType")]
    pub report_type: ReportType,
    /// Application.
    #[tars(tag = 2, require, name = "sApp")]
    pub app: String,
    /// Set.
    #[tars(tag = 3, require, name = "sSet")]
    pub set: String,
    /// Container.
    #[tars(tag = 4, require, name = "sContainer")]
    pub container: String,
    /// Server.
    #[tars(tag = 5, require, name = "sServer")]
    pub server: String,
    /// Text.
    #[tars(tag = 6, require, name = "sMessage")]
    pub message: String,
    /// Thread.
    #[tars(tag = 7, optional, name = "sThreadId")]
    pub thread_id: String,
    /// How bad it is.
    #[tars(tag = 8, optional, name = "eLevel")]
    pub level: NotifyLevel,
    /// Node; newer definitions only.
    #[tars(tag = 9, optional, name = "sNodeName")]
    pub node_name: String,
}

/// Which reports to read.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct NotifyKey {
    /// `APP.SERVER`.
    #[tars(tag = 1, require)]
    pub name: String,
    /// Address.
    #[tars(tag = 2, require)]
    pub ip: String,
    /// Page, from 0.
    #[tars(tag = 3, require)]
    pub page: i32,
}

/// A report that was read back.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct NotifyItem {
    /// When.
    #[tars(tag = 1, require, name = "sTimeStamp")]
    pub time_stamp: String,
    /// Who.
    #[tars(tag = 2, require, name = "sServerId")]
    pub server_id: String,
    /// How bad it is.
    #[tars(tag = 3, require, name = "iLevel")]
    pub level: i32,
    /// Text.
    #[tars(tag = 4, require, name = "sMessage")]
    pub message: String,
}

/// A page of reports.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct NotifyInfo {
    /// The next page.
    #[tars(tag = 1, require)]
    pub nextpage: i32,
    /// The reports.
    #[tars(tag = 2, require)]
    pub notify_items: Vec<NotifyItem>,
}

/// Reports of servers. The first three functions left the shared definition in 2023; deployed nodes still call them.
#[crate::interface]
pub trait Notify {
    /// A report of a server.
    async fn report_server(
        &self,
        #[tars(name = "sServerName")] server_name: String,
        #[tars(name = "sThreadId")] thread_id: String,
        #[tars(name = "sMessage")] message: String,
    );

    /// A notification of a server.
    async fn notify_server(
        &self,
        #[tars(name = "sServerName")] server_name: String,
        level: NotifyLevel,
        #[tars(name = "sMessage")] message: String,
    );

    /// Reads reports back.
    async fn get_notify_info(
        &self,
        #[tars(name = "stKey")] key: NotifyKey,
        #[tars(name = "stInfo")] info: Out<NotifyInfo>,
    ) -> i32;

    /// A report.
    async fn report_notify_info(&self, info: ReportInfo);
}
