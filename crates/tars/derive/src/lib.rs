//! Derives for the structs and enums of a Tars interface definition, and the attribute that makes an interface of a trait.
//!
//! Use them as `tars::TarsStruct`, `tars::TarsEnum` and `tars::interface`: the generated code calls the crate `tars`.

mod enums;
mod interface;
mod names;
mod structs;

use proc_macro::TokenStream;
use syn::{DeriveInput, ItemTrait, parse_macro_input};

/// Implements `tars::codec::Struct` for a struct of the interface definition, and so `Encode` and `Decode`. Implements `Default`,
/// too.
///
/// ```ignore
/// #[derive(tars::TarsStruct, Debug, Clone, PartialEq)]
/// #[tars(name = "LogInfo")]                        // name in the interface definition; by default the Rust name
/// struct LogInfo {
///     #[tars(tag = 0, require)]                    // always written; absence is an error
///     appname: String,
///     #[tars(tag = 5, optional, default = true)]   // the value of `Default` and of an absent field
///     has_suffix: bool,
///     #[tars(tag = 10, optional, name = "sLogType")]
///     log_type: String,                            // by default the name is the Rust name in lowerCamelCase
/// }
/// ```
///
/// Fields are written and read in the order of their tags, whatever order they have in the source.
#[proc_macro_derive(TarsStruct, attributes(tars))]
pub fn tars_struct(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    structs::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements `Encode` and `Decode` for an enum of the interface definition. Its variants have no fields; a variant without a
/// number has the number of the variant before it plus one, and the first one has 0.
///
/// To read an unknown number is an error, unless a variant is declared as `#[tars(other)] Other(i32)`.
#[proc_macro_derive(TarsEnum, attributes(tars))]
pub fn tars_enum(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    enums::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a trait for servants, a dispatcher and a client of the declaration of an interface.
///
/// ```ignore
/// #[tars::interface]
/// pub trait Echo {
///     /// Answers `text` and its length.
///     async fn echo(&self, text: String, length: Out<i32>) -> String;
///
///     #[tars(name = "Log_Line")]                  // by default the Rust name in lowerCamelCase
///     async fn log(&self, #[tars(name = "sLine")] line: String);
///
///     #[tars(default)]                            // a servant may leave it out, and then answers -3
///     async fn newer(&self) -> i32;
/// }
/// ```
///
/// The tag of a parameter is its position, counted from 1. A parameter of type `Out<T>` is an out-parameter. A function returns
/// its return value and its out-parameters: nothing, one value, or a tuple of all. The declaration above becomes
///
/// - `trait Echo` with `async fn echo(&self, request: &Request, text: String) -> Result<(String, i32), ServantError>` and so on,
/// - `EchoDispatch<T>(pub T)`, which serves a `T: Echo`,
/// - `EchoClient`, with `async fn echo(&self, text: &str) -> Result<(String, i32), CallError>` and so on.
#[proc_macro_attribute]
pub fn interface(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as ItemTrait);
    interface::expand(&arguments.into(), &item).unwrap_or_else(syn::Error::into_compile_error).into()
}
