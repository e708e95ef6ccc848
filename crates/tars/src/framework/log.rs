//! `Log`: logs that servers send to tarslog.

use crate::TarsStruct;

/// Names a log file and says how its lines are made.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct LogInfo {
    /// Application that writes the log.
    #[tars(tag = 0, require)]
    pub appname: String,
    /// Server that writes the log.
    #[tars(tag = 1, require)]
    pub servername: String,
    /// Name of the file, without the application and the date.
    #[tars(tag = 2, require, name = "sFilename")]
    pub filename: String,
    /// Format of the date in the file name.
    #[tars(tag = 3, require, name = "sFormat")]
    pub format: String,
    /// Set of the server.
    #[tars(tag = 4, optional)]
    pub setdivision: String,
    /// Whether the file name ends with a suffix.
    #[tars(tag = 5, optional, name = "bHasSufix", default = true)]
    pub has_suffix: bool,
    /// Whether the file name begins with the application.
    #[tars(tag = 6, optional, name = "bHasAppNamePrefix", default = true)]
    pub has_app_name_prefix: bool,
    /// Whether the fields of a line stand in square brackets.
    #[tars(tag = 7, optional, name = "bHasSquareBracket")]
    pub has_square_bracket: bool,
    /// Text between the parts of the file name.
    #[tars(tag = 8, optional, name = "sConcatStr", default = "_")]
    pub concat: String,
    /// Text between the fields of a line.
    #[tars(tag = 9, optional, name = "sSepar", default = "|")]
    pub separator: String,
    /// When a new file is begun, such as each day.
    #[tars(tag = 10, optional, name = "sLogType")]
    pub log_type: String,
}

/// Stores log lines of servers.
#[crate::interface]
pub trait Log {
    /// Appends lines to a file. `format` is the format of the date in the file name.
    async fn logger(&self, app: String, server: String, file: String, format: String, buffer: Vec<String>);

    /// Appends lines to the file that `info` describes.
    #[tars(name = "loggerbyInfo")]
    async fn logger_by_info(&self, info: LogInfo, buffer: Vec<String>);
}
