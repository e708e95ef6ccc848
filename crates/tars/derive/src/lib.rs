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

/// Turns the declaration of an interface into a trait for servants, a dispatcher and a client, see `tars::interface`.
#[proc_macro_attribute]
pub fn interface(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as ItemTrait);
    interface::expand(&arguments.into(), &item).unwrap_or_else(syn::Error::into_compile_error).into()
}
