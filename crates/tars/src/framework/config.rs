//! `Config`: configuration files from tarsconfig. All functions answer 0, or -1 when they failed.

use crate::TarsStruct;

/// Which file.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ConfigInfo {
    /// Application.
    #[tars(tag = 0, require)]
    pub appname: String,
    /// Server; empty for the application level.
    #[tars(tag = 1, require)]
    pub servername: String,
    /// File.
    #[tars(tag = 2, require)]
    pub filename: String,
    /// Only the application level.
    #[tars(tag = 3, require, name = "bAppOnly")]
    pub app_only: bool,
    /// Host of the caller.
    #[tars(tag = 4, optional)]
    pub host: String,
    /// Set of the caller.
    #[tars(tag = 5, optional)]
    pub setdivision: String,
}

/// Which files to list.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct GetConfigListInfo {
    /// Application.
    #[tars(tag = 0, require)]
    pub appname: String,
    /// Server.
    #[tars(tag = 1, optional)]
    pub servername: String,
    /// Only the application level.
    #[tars(tag = 2, optional, name = "bAppOnly")]
    pub app_only: bool,
    /// Host of the caller.
    #[tars(tag = 3, optional)]
    pub host: String,
    /// Set of the caller.
    #[tars(tag = 4, optional)]
    pub setdivision: String,
    /// Container of the caller.
    #[tars(tag = 5, optional)]
    pub containername: String,
}

/// Configuration files.
#[crate::interface]
pub trait Config {
    /// Names of the files of a server.
    #[tars(name = "ListConfig")]
    async fn list_config(&self, app: String, server: String, vf: Out<Vec<String>>) -> i32;

    /// Content of a file, for the caller's own host.
    async fn load_config(&self, app: String, server: String, filename: String, config: Out<String>) -> i32;

    /// Content of a file, for a host.
    async fn load_config_by_host(&self, app_server_name: String, filename: String, host: String, config: Out<String>) -> i32;

    /// Checks the grammar of a file.
    async fn check_config(&self, app_server_name: String, filename: String, host: String, result: Out<String>) -> i32;

    /// Names of the files of a server.
    #[tars(name = "ListConfigByInfo")]
    async fn list_config_by_info(&self, config_info: ConfigInfo, vf: Out<Vec<String>>) -> i32;

    /// Content of a file.
    async fn load_config_by_info(&self, config_info: ConfigInfo, config: Out<String>) -> i32;

    /// Checks the grammar of a file.
    async fn check_config_by_info(&self, config_info: ConfigInfo, result: Out<String>) -> i32;

    /// Names of all files of a server.
    #[tars(name = "ListAllConfigByInfo")]
    async fn list_all_config_by_info(&self, config_info: GetConfigListInfo, vf: Out<Vec<String>>) -> i32;
}
