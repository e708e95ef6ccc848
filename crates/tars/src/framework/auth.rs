//! `Auth`: access keys and tokens. The types only; connections are not authenticated.

use crate::{TarsEnum, TarsStruct};
use std::collections::BTreeMap;

/// Result of an authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, TarsEnum)]
pub enum AuthState {
    /// Not started.
    #[default]
    Init = -127,
    /// Accepted.
    Success = 0,
    /// Malformed.
    ProtocolError = -100,
    /// Other object expected.
    WrongObject = -101,
    /// Unknown access key.
    WrongAccessKey = -102,
    /// Clocks differ too much.
    WrongTime = -103,
    /// Unknown hash method.
    UnsupportedHash = -104,
    /// The signature does not fit.
    DecryptFailed = -105,
    /// Any other failure.
    Error = -106,
}

/// How connections are authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, TarsEnum)]
pub enum AuthType {
    /// Not at all.
    #[default]
    None = 0,
    /// By access key and secret key.
    Local = 1,
}

/// What a server knows about an access key.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct BasicAuthInfo {
    /// Object.
    #[tars(tag = 1, optional, name = "sObjName")]
    pub object: String,
    /// Access key.
    #[tars(tag = 2, optional, name = "sAccessKey")]
    pub access_key: String,
    /// Secret key.
    #[tars(tag = 3, optional, name = "sSecretKey")]
    pub secret_key: String,
    /// Hash of the hash of the secret key.
    #[tars(tag = 4, optional, name = "sHashSecretKey2")]
    pub hash_secret_key2: String,
}

/// First frame of an authenticated connection.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct BasicAuthPackage {
    /// Object.
    #[tars(tag = 1, require, name = "sObjName")]
    pub object: String,
    /// Access key.
    #[tars(tag = 2, require, name = "sAccessKey")]
    pub access_key: String,
    /// Seconds since 1970.
    #[tars(tag = 3, require, name = "iTime")]
    pub time: i64,
    /// Hash method.
    #[tars(tag = 4, optional, name = "sHashMethod", default = "sha1")]
    pub hash_method: String,
    /// Signature.
    #[tars(tag = 5, optional, name = "sSignature")]
    pub signature: String,
}

/// Whose token.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct TokenKey {
    /// Application.
    #[tars(tag = 1, require, name = "sApplication")]
    pub application: String,
    /// Server.
    #[tars(tag = 2, require, name = "sServer")]
    pub server: String,
    /// Object.
    #[tars(tag = 3, require, name = "sObjName")]
    pub object: String,
}

/// Asks whether a token is good.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct AuthRequest {
    /// Whose token.
    #[tars(tag = 1, require, name = "sKey")]
    pub key: TokenKey,
    /// The token.
    #[tars(tag = 2, require, name = "sToken")]
    pub token: String,
}

/// Asks for the tokens of objects.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct TokenRequest {
    /// Objects.
    #[tars(tag = 1, require, name = "vObjName")]
    pub objects: Vec<String>,
}

/// Tokens of one object.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct TokenResponse {
    /// Object.
    #[tars(tag = 1, require, name = "sObjName")]
    pub object: String,
    /// Tokens by caller.
    #[tars(tag = 2, require, name = "mTokens")]
    pub tokens: BTreeMap<String, String>,
}

/// Asks for a new token.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ApplyTokenRequest {
    /// Whose token.
    #[tars(tag = 1, require, name = "sKey")]
    pub key: TokenKey,
}

/// A new token.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ApplyTokenResponse {
    /// Whose token.
    #[tars(tag = 1, require, name = "sKey")]
    pub key: TokenKey,
    /// The token.
    #[tars(tag = 2, require, name = "sToken")]
    pub token: String,
}

/// Gives a token back.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct DeleteTokenRequest {
    /// Whose token.
    #[tars(tag = 1, require, name = "sKey")]
    pub key: TokenKey,
}

/// Tokens.
#[crate::interface]
pub trait Auth {
    /// Whether a token is good, as a number of [`AuthState`].
    async fn auth_process(&self, request: AuthRequest) -> i32;

    /// The tokens of objects.
    async fn get_tokens(&self, request: TokenRequest) -> Vec<TokenResponse>;

    /// A new token.
    async fn apply_token(&self, request: ApplyTokenRequest) -> ApplyTokenResponse;

    /// Gives a token back.
    async fn delete_token(&self, request: DeleteTokenRequest) -> i32;
}
