//! Generates the code of `#[derive(TarsStruct)]`.

use crate::names::to_lower_camel;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Expr, Field, Fields, Ident, LitInt, LitStr, Result};

struct TarsField {
    ident: Ident,
    name: String,
    tag: u8,
    require: bool,
    default: Option<Expr>,
}

pub fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(input, "TarsStruct is for structs; use TarsEnum for enums"));
    };
    let fields = match &data.fields {
        Fields::Named(fields) => fields.named.iter().map(parse_field).collect::<Result<Vec<_>>>()?,
        Fields::Unit => Vec::new(),
        Fields::Unnamed(_) => return Err(Error::new_spanned(&data.fields, "TarsStruct needs named fields")),
    };
    let sorted = sort_by_tag(fields)?;

    let ident = &input.ident;
    let name = parse_struct_name(input)?;
    let (generics, types, bounds) = input.generics.split_for_impl();
    let writes = sorted.iter().map(generate_write);
    let reads = sorted.iter().map(|field| generate_read(&name, field));
    let idents = sorted.iter().map(|field| &field.ident);
    let defaults = sorted.iter().map(|field| {
        let (ident, default) = (&field.ident, generate_default(field));
        quote!(#ident: #default)
    });

    Ok(quote! {
        #[automatically_derived]
        impl #generics ::core::default::Default for #ident #types #bounds {
            fn default() -> Self {
                Self { #(#defaults),* }
            }
        }

        #[automatically_derived]
        impl #generics ::tars::codec::Struct for #ident #types #bounds {
            const NAME: &'static str = #name;

            #[allow(unused_variables)]
            fn encode_fields(&self, out: &mut ::tars::codec::Encoder<'_>) {
                #(#writes)*
            }

            #[allow(unused_variables)]
            fn decode_fields(input: &mut ::tars::codec::Decoder<'_>)
                -> ::core::result::Result<Self, ::tars::codec::DecodeError>
            {
                #(#reads)*
                ::core::result::Result::Ok(Self { #(#idents),* })
            }
        }
    })
}

fn generate_write(field: &TarsField) -> TokenStream {
    let (ident, tag) = (&field.ident, field.tag);
    if field.require {
        quote!(out.put(#tag, &self.#ident);)
    } else {
        let default = generate_default(field);
        quote!(out.put_optional(#tag, &self.#ident, &#default);)
    }
}

fn generate_read(name: &str, field: &TarsField) -> TokenStream {
    let (ident, tag) = (&field.ident, field.tag);
    let place = format!("{name}.{}", field.name);
    if field.require {
        quote!(let #ident = input.require(#tag).map_err(|error| error.within(#place))?;)
    } else {
        let default = generate_default(field);
        quote! {
            let #ident = match input.read_optional(#tag).map_err(|error| error.within(#place))? {
                ::core::option::Option::Some(value) => value,
                ::core::option::Option::None => #default,
            };
        }
    }
}

fn generate_default(field: &TarsField) -> TokenStream {
    if let Some(default) = &field.default {
        quote!(::core::convert::Into::into(#default))
    } else {
        quote!(::core::default::Default::default())
    }
}

fn parse_field(field: &Field) -> Result<TarsField> {
    let Some(ident) = field.ident.clone() else { return Err(Error::new_spanned(field, "the field needs a name")) };
    let mut name = to_lower_camel(&ident.to_string());
    let (mut tag, mut require, mut default) = (None, None, None);
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("tars")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("tag") {
                tag = Some(meta.value()?.parse::<LitInt>()?.base10_parse::<u8>()?);
            } else if meta.path.is_ident("require") {
                require = Some(true);
            } else if meta.path.is_ident("optional") {
                require = Some(false);
            } else if meta.path.is_ident("default") {
                default = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("name") {
                name = meta.value()?.parse::<LitStr>()?.value();
            } else {
                return Err(meta.error("expected `tag`, `require`, `optional`, `default` or `name`"));
            }
            Ok(())
        })?;
    }
    let Some(tag) = tag else { return Err(Error::new_spanned(field, "the field needs #[tars(tag = N, require)]")) };
    let Some(require) = require else {
        return Err(Error::new_spanned(field, "say whether the field is `require` or `optional`"));
    };
    Ok(TarsField { ident, name, tag, require, default })
}

fn sort_by_tag(mut fields: Vec<TarsField>) -> Result<Vec<TarsField>> {
    fields.sort_by_key(|field| field.tag);
    for pair in fields.windows(2) {
        if pair[0].tag == pair[1].tag {
            return Err(Error::new(pair[1].ident.span(), format!("tag {} is already used by `{}`", pair[1].tag, pair[0].ident)));
        }
    }
    Ok(fields)
}

fn parse_struct_name(input: &DeriveInput) -> Result<String> {
    let mut name = input.ident.to_string();
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("tars")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("name") {
                name = meta.value()?.parse::<LitStr>()?.value();
                Ok(())
            } else {
                Err(meta.error("expected `name`"))
            }
        })?;
    }
    Ok(name)
}
