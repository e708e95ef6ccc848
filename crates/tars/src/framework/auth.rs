//! `Auth`: access keys and tokens. Only the types exist; connections are not authenticated (`docs/reference/wire.md#6.6`).

use crate::{TarsEnum, TarsStruct};
use std::collections::BTreeMap;

/// How an authentication ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, TarsEnum)]
pub enum AuthState {
    /// It has not started.
    #[default]
    Init = -127,
    /// The client is accepted.
    Success = 0,
    /// The request is malformed.
    ProtocolError = -100,
    /// The request names another object than the server expects.
    WrongObject = -101,
    /// The server does not know the access key.
    WrongAccessKey = -102,
    /// The clocks of client and server differ too much.
    WrongTime = -103,
    /// The server does not know the hash method.
    UnsupportedHash = -104,
    /// The signature is wrong.
    DecryptFailed = -105,
    /// It failed for another reason.
    Error = -106,
}

/// The way in which connections are authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, TarsEnum)]
pub enum AuthType {
    /// Connections are not authenticated.
    #[default]
    None = 0,
    /// The client has an access key and a secret key.
    Local = 1,
}

/// All that a server knows about an access key.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct BasicAuthInfo {
    /// Name of the object that the key gives access to.
    #[tars(tag = 1, optional, name = "sObjName")]
    pub object: String,
    /// Public part of the key.
    #[tars(tag = 2, optional, name = "sAccessKey")]
    pub access_key: String,
    /// Secret part of the key.
    #[tars(tag = 3, optional, name = "sSecretKey")]
    pub secret_key: String,
    /// Hash of the hash of the secret part.
    #[tars(tag = 4, optional, name = "sHashSecretKey2")]
    pub hash_secret_key2: String,
}

/// Content of the first frame of an authenticated connection.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct BasicAuthPackage {
    /// Name of the object that the client calls.
    #[tars(tag = 1, require, name = "sObjName")]
    pub object: String,
    /// Public part of the client's key.
    #[tars(tag = 2, require, name = "sAccessKey")]
    pub access_key: String,
    /// When the client signed, in seconds since 1970.
    #[tars(tag = 3, require, name = "iTime")]
    pub time: i64,
    /// How the signature is made.
    #[tars(tag = 4, optional, name = "sHashMethod", default = "sha1")]
    pub hash_method: String,
    /// Proves that the client has the secret part of the key.
    #[tars(tag = 5, optional, name = "sSignature")]
    pub signature: String,
}

/// Identifies a token: by the caller that has it, and by the object that it is for.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct TokenKey {
    /// Application of the caller.
    #[tars(tag = 1, require, name = "sApplication")]
    pub application: String,
    /// Server of the caller.
    #[tars(tag = 2, require, name = "sServer")]
    pub server: String,
    /// Object that the caller calls.
    #[tars(tag = 3, require, name = "sObjName")]
    pub object: String,
}

/// Asks whether a token is valid.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct AuthRequest {
    /// The caller that has the token, and the object that it is for.
    #[tars(tag = 1, require, name = "sKey")]
    pub key: TokenKey,
    /// The token itself.
    #[tars(tag = 2, require, name = "sToken")]
    pub token: String,
}

/// Asks for the tokens of objects.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct TokenRequest {
    /// Names of the objects.
    #[tars(tag = 1, require, name = "vObjName")]
    pub objects: Vec<String>,
}

/// The tokens of one object.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct TokenResponse {
    /// Name of the object.
    #[tars(tag = 1, require, name = "sObjName")]
    pub object: String,
    /// Tokens by the name of the caller.
    #[tars(tag = 2, require, name = "mTokens")]
    pub tokens: BTreeMap<String, String>,
}

/// Asks for a new token.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ApplyTokenRequest {
    /// The caller that has the token, and the object that it is for.
    #[tars(tag = 1, require, name = "sKey")]
    pub key: TokenKey,
}

/// A new token.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ApplyTokenResponse {
    /// The caller that has the token, and the object that it is for.
    #[tars(tag = 1, require, name = "sKey")]
    pub key: TokenKey,
    /// The token itself.
    #[tars(tag = 2, require, name = "sToken")]
    pub token: String,
}

/// Asks to delete a token.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct DeleteTokenRequest {
    /// The caller that has the token, and the object that it is for.
    #[tars(tag = 1, require, name = "sKey")]
    pub key: TokenKey,
}

/// Checks and hands out tokens.
#[crate::interface]
pub trait Auth {
    /// Checks a token and answers a number of [`AuthState`].
    async fn auth_process(&self, request: AuthRequest) -> i32;

    /// Answers the tokens of objects.
    async fn get_tokens(&self, request: TokenRequest) -> Vec<TokenResponse>;

    /// Makes a new token.
    async fn apply_token(&self, request: ApplyTokenRequest) -> ApplyTokenResponse;

    /// Deletes a token.
    async fn delete_token(&self, request: DeleteTokenRequest) -> i32;
}
