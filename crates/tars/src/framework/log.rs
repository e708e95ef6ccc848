//! `Log`: remote logs, through tarslog.

use crate::TarsStruct;

/// Which file, and how its lines are made.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct LogInfo {
    /// Application.
    #[tars(tag = 0, require)]
    pub appname: String,
    /// Server.
    #[tars(tag = 1, require)]
    pub servername: String,
    /// File.
    #[tars(tag = 2, require, name = "sFilename")]
    pub filename: String,
    /// Date format of the file name.
    #[tars(tag = 3, require, name = "sFormat")]
    pub format: String,
    /// Set.
    #[tars(tag = 4, optional)]
    pub setdivision: String,
    /// The file name has a suffix.
    #[tars(tag = 5, optional, name = "bHasSufix", default = true)]
    pub has_suffix: bool,
    /// The file name starts with the application.
    #[tars(tag = 6, optional, name = "bHasAppNamePrefix", default = true)]
    pub has_app_name_prefix: bool,
    /// Fields of a line stand in square brackets.
    #[tars(tag = 7, optional, name = "bHasSquareBracket")]
    pub has_square_bracket: bool,
    /// Joins the parts of the file name.
    #[tars(tag = 8, optional, name = "sConcatStr", default = "_")]
    pub concat: String,
    /// Separates the fields of a line.
    #[tars(tag = 9, optional, name = "sSepar", default = "|")]
    pub separator: String,
    /// Kind of roll-over.
    #[tars(tag = 10, optional, name = "sLogType")]
    pub log_type: String,
}

/// Remote logs.
#[crate::interface]
pub trait Log {
    /// Appends lines to a file.
    async fn logger(&self, app: String, server: String, file: String, format: String, buffer: Vec<String>);

    /// Appends lines to a file.
    #[tars(name = "loggerbyInfo")]
    async fn logger_by_info(&self, info: LogInfo, buffer: Vec<String>);
}
