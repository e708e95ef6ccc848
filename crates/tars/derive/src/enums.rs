//! Generates the code of `#[derive(TarsEnum)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Ident, Result, Variant};

pub fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(input, "TarsEnum is for enums; use TarsStruct for structs"));
    };
    let mut known: Vec<(&Ident, TokenStream)> = Vec::new();
    let mut other = None;
    let mut next = quote!(0_i32);
    for variant in &data.variants {
        if is_other(variant)? {
            other = Some(&variant.ident);
            continue;
        }
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new_spanned(variant, "a variant of an enum has no fields, except #[tars(other)] Other(i32)"));
        }
        let value = match &variant.discriminant {
            Some((_, value)) => quote!((#value)),
            None => next,
        };
        next = quote!(#value + 1);
        known.push((&variant.ident, value));
    }

    let ident = &input.ident;
    let name = ident.to_string();
    let constants = known.iter().enumerate().map(|(index, (_, value))| {
        let constant = constant_name(index);
        quote!(const #constant: i32 = #value;)
    });
    let constants: Vec<_> = constants.collect();
    let to_number = known.iter().enumerate().map(|(index, (variant, _))| {
        let constant = constant_name(index);
        quote!(Self::#variant => #constant,)
    });
    let from_number = known.iter().enumerate().map(|(index, (variant, _))| {
        let constant = constant_name(index);
        quote!(#constant => Self::#variant,)
    });
    let other_to_number = other.map(|other| quote!(Self::#other(value) => *value,));
    let other_from_number = if let Some(other) = other {
        quote!(value => Self::#other(value))
    } else {
        quote! {
            value => return ::core::result::Result::Err(
                input.error(::tars::codec::Problem::UnknownVariant { name: #name, value })
            )
        }
    };

    Ok(quote! {
        #[automatically_derived]
        impl ::tars::codec::Encode for #ident {
            fn encode(&self, out: &mut ::tars::codec::Encoder<'_>, tag: u8) {
                #(#constants)*
                let value: i32 = match self { #(#to_number)* #other_to_number };
                out.put_int(tag, ::core::convert::Into::into(value));
            }

            fn may_omit(&self, _default: &Self) -> bool {
                false
            }

            fn type_name() -> ::std::string::String {
                <i32 as ::tars::codec::Encode>::type_name()
            }
        }

        #[automatically_derived]
        impl ::tars::codec::Decode for #ident {
            fn decode(input: &mut ::tars::codec::Decoder<'_>, code: ::tars::codec::TypeCode)
                -> ::core::result::Result<Self, ::tars::codec::DecodeError>
            {
                #(#constants)*
                let value = <i32 as ::tars::codec::Decode>::decode(input, code)?;
                ::core::result::Result::Ok(match value { #(#from_number)* #other_from_number })
            }
        }
    })
}

fn constant_name(index: usize) -> Ident {
    quote::format_ident!("VALUE_{index}")
}

fn is_other(variant: &Variant) -> Result<bool> {
    let mut other = false;
    for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident("tars")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("other") {
                other = true;
                Ok(())
            } else {
                Err(meta.error("expected `other`"))
            }
        })?;
    }
    if other && !matches!(&variant.fields, Fields::Unnamed(fields) if fields.unnamed.len() == 1) {
        return Err(Error::new_spanned(variant, "the catch-all is a tuple variant with one i32"));
    }
    Ok(other)
}
