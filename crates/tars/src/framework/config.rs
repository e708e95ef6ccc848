//! `Config`: configuration files from tarsconfig. Each function answers 0, or -1 if it failed.

use crate::TarsStruct;

/// Names a file.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ConfigInfo {
    /// Application that the file belongs to.
    #[tars(tag = 0, require)]
    pub appname: String,
    /// Server that the file belongs to; empty for a file of the whole application.
    #[tars(tag = 1, require)]
    pub servername: String,
    /// Name of the file.
    #[tars(tag = 2, require)]
    pub filename: String,
    /// Whether only the file of the whole application is meant.
    #[tars(tag = 3, require, name = "bAppOnly")]
    pub app_only: bool,
    /// Host of the caller.
    #[tars(tag = 4, optional)]
    pub host: String,
    /// Set of the caller.
    #[tars(tag = 5, optional)]
    pub setdivision: String,
}

/// Names the files to list.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct GetConfigListInfo {
    /// Application that the file belongs to.
    #[tars(tag = 0, require)]
    pub appname: String,
    /// Server that the files belong to.
    #[tars(tag = 1, optional)]
    pub servername: String,
    /// Whether only files of the whole application are listed.
    #[tars(tag = 2, optional, name = "bAppOnly")]
    pub app_only: bool,
    /// Host of the caller.
    #[tars(tag = 3, optional)]
    pub host: String,
    /// Set of the caller.
    #[tars(tag = 4, optional)]
    pub setdivision: String,
    /// Container that the caller runs in.
    #[tars(tag = 5, optional)]
    pub containername: String,
}

/// Answers configuration files.
#[crate::interface]
pub trait Config {
    /// Lists the names of the files of a server.
    #[tars(name = "ListConfig")]
    async fn list_config(&self, app: String, server: String, vf: Out<Vec<String>>) -> i32;

    /// Answers the content of a file for the host of the caller.
    async fn load_config(&self, app: String, server: String, filename: String, config: Out<String>) -> i32;

    /// Answers the content of a file for a host.
    async fn load_config_by_host(&self, app_server_name: String, filename: String, host: String, config: Out<String>) -> i32;

    /// Checks the grammar of a file.
    async fn check_config(&self, app_server_name: String, filename: String, host: String, result: Out<String>) -> i32;

    /// Lists the names of the files of a server.
    #[tars(name = "ListConfigByInfo")]
    async fn list_config_by_info(&self, config_info: ConfigInfo, vf: Out<Vec<String>>) -> i32;

    /// Answers the content of a file.
    async fn load_config_by_info(&self, config_info: ConfigInfo, config: Out<String>) -> i32;

    /// Checks the grammar of a file.
    async fn check_config_by_info(&self, config_info: ConfigInfo, result: Out<String>) -> i32;

    /// Lists the names of all files of a server.
    #[tars(name = "ListAllConfigByInfo")]
    async fn list_all_config_by_info(&self, config_info: GetConfigListInfo, vf: Out<Vec<String>>) -> i32;
}
