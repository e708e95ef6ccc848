//! Derives for structs and enums of a Tars interface definition, and the attribute that turns a trait into an interface.
//!
//! The generated code is documented where it is used: `tars::TarsStruct`, `tars::TarsEnum` and `tars::interface`.

mod enums;
mod interface;
mod names;
mod structs;

use proc_macro::TokenStream;
use syn::{DeriveInput, ItemTrait, parse_macro_input};

/// Makes a struct of the interface definition: implements `tars::codec::Struct` (and by that `Encode` and `Decode`) and `Default`.
///
/// ```ignore
/// #[derive(tars::TarsStruct, Debug, Clone, PartialEq)]
/// #[tars(name = "LogInfo")]                        // name in the definition, default: the Rust name
/// struct LogInfo {
///     #[tars(tag = 0, require)]                    // always written, an error when absent
///     appname: String,
///     #[tars(tag = 5, optional, default = true)]   // `Default` and absent fields have this value
///     has_suffix: bool,
///     #[tars(tag = 10, optional, name = "sLogType")]
///     log_type: String,                            // name in the definition, default: the Rust name in lowerCamelCase
/// }
/// ```
///
/// Fields are written and read in the order of their tags, whatever their order in the source.
#[proc_macro_derive(TarsStruct, attributes(tars))]
pub fn tars_struct(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    structs::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a fieldless enum with explicit or counted discriminants an enum of the interface definition.
///
/// An unknown number is a decode error, unless one variant is declared as `#[tars(other)] Other(i32)`.
#[proc_macro_derive(TarsEnum, attributes(tars))]
pub fn tars_enum(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    enums::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Turns the declaration of an interface into a trait for servants, a dispatcher and a client.
///
/// ```ignore
/// #[tars::interface]
/// pub trait Echo {
///     /// Gives `text` back, and how long it is.
///     async fn echo(&self, text: String, length: Out<i32>) -> String;
///
///     #[tars(name = "Log_Line")]                  // name in the definition, default: the Rust name in lowerCamelCase
///     async fn log(&self, #[tars(name = "sLine")] line: String);
///
///     #[tars(default)]                            // a servant need not implement it, it then answers -3
///     async fn newer(&self) -> i32;
/// }
/// ```
///
/// Parameters have tags by position, counted from 1; those of type `Out<T>` are out-parameters. What comes back is the return value
/// and the out-parameters: nothing, one value, or a tuple of all. So this becomes
///
/// - `trait Echo` with `async fn echo(&self, request: &Request, text: String) -> Result<(String, i32), ServantError>` and so on,
/// - `EchoDispatch<T>(pub T)`, which serves a `T: Echo`,
/// - `EchoClient`, with `async fn echo(&self, text: &str) -> Result<(String, i32), CallError>` and so on.
#[proc_macro_attribute]
pub fn interface(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as ItemTrait);
    interface::expand(&arguments.into(), &item).unwrap_or_else(syn::Error::into_compile_error).into()
}
