//! `Notify`: reports for operators, which servers and tarsnode send to tarsnotify.

use crate::{TarsEnum, TarsStruct};

/// How serious a report is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, TarsEnum)]
pub enum NotifyLevel {
    /// Nothing has to be done.
    #[default]
    Normal = 0,
    /// Somebody should look at it.
    Warn = 1,
    /// Something failed.
    Error = 2,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, TarsEnum)]
pub enum ReportType {
    /// A text alone, as [`Notify::report_server`] takes it.
    #[default]
    Report = 0,
    /// A text with a level, as [`Notify::notify_server`] takes it.
    Notify = 1,
}

/// One report.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ReportInfo {
    /// The form of the report.
    #[tars(tag = 1, require, name = "eType")]
    pub report_type: ReportType,
    /// Application of the sender.
    #[tars(tag = 2, require, name = "sApp")]
    pub app: String,
    /// Set of the sender.
    #[tars(tag = 3, require, name = "sSet")]
    pub set: String,
    /// Container of the sender.
    #[tars(tag = 4, require, name = "sContainer")]
    pub container: String,
    /// Server that sends the report.
    #[tars(tag = 5, require, name = "sServer")]
    pub server: String,
    /// Text for operators.
    #[tars(tag = 6, require, name = "sMessage")]
    pub message: String,
    /// Thread that sends the report.
    #[tars(tag = 7, optional, name = "sThreadId")]
    pub thread_id: String,
    /// How serious the report is.
    #[tars(tag = 8, optional, name = "eLevel")]
    pub level: NotifyLevel,
    /// Node of the sender. Only newer interface definitions have this field.
    #[tars(tag = 9, optional, name = "sNodeName")]
    pub node_name: String,
}

/// Chooses the reports to read.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct NotifyKey {
    /// Sender of the reports, as `APP.SERVER`.
    #[tars(tag = 1, require)]
    pub name: String,
    /// IP address of the sender.
    #[tars(tag = 2, require)]
    pub ip: String,
    /// Number of the page, counted from 0.
    #[tars(tag = 3, require)]
    pub page: i32,
}

/// A report that was read back.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct NotifyItem {
    /// When the report was sent.
    #[tars(tag = 1, require, name = "sTimeStamp")]
    pub time_stamp: String,
    /// Server that sent the report.
    #[tars(tag = 2, require, name = "sServerId")]
    pub server_id: String,
    /// How serious the report is, as a number of [`NotifyLevel`].
    #[tars(tag = 3, require, name = "iLevel")]
    pub level: i32,
    /// Text for operators.
    #[tars(tag = 4, require, name = "sMessage")]
    pub message: String,
}

/// A page of reports.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct NotifyInfo {
    /// Number of the next page.
    #[tars(tag = 1, require)]
    pub nextpage: i32,
    /// The reports of this page.
    #[tars(tag = 2, require)]
    pub notify_items: Vec<NotifyItem>,
}

/// Takes the reports of servers and answers them. The first three functions left the interface definition of Tars in 2023, but
/// older programs still call them.
#[crate::interface]
pub trait Notify {
    /// Reports a text of a server.
    async fn report_server(
        &self,
        #[tars(name = "sServerName")] server_name: String,
        #[tars(name = "sThreadId")] thread_id: String,
        #[tars(name = "sMessage")] message: String,
    );

    /// Reports a text of a server, with a level.
    async fn notify_server(
        &self,
        #[tars(name = "sServerName")] server_name: String,
        level: NotifyLevel,
        #[tars(name = "sMessage")] message: String,
    );

    /// Answers a page of reports.
    async fn get_notify_info(
        &self,
        #[tars(name = "stKey")] key: NotifyKey,
        #[tars(name = "stInfo")] info: Out<NotifyInfo>,
    ) -> i32;

    /// Takes a report.
    async fn report_notify_info(&self, info: ReportInfo);
}
