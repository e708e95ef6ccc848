//! Generates the code of `#[interface]`: the trait of the servant, its dispatcher and its client.

use crate::names::to_lower_camel;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, ItemTrait, LitStr, Pat, PathArguments, Result, ReturnType, TraitItem,
    TraitItemFn, Type,
};

struct Function {
    docs: Vec<Attribute>,
    ident: Ident,
    name: String,
    /// Whether a servant may leave it out.
    defaulted: bool,
    parameters: Vec<Parameter>,
    returns: Option<Type>,
}

struct Parameter {
    ident: Ident,
    name: String,
    tag: u8,
    out: bool,
    kind: Type,
}

pub fn expand(arguments: &TokenStream, item: &ItemTrait) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new_spanned(arguments, "#[interface] takes no arguments"));
    }
    let functions = item
        .items
        .iter()
        .map(|item| match item {
            TraitItem::Fn(function) => parse_function(function),
            other => Err(Error::new_spanned(other, "an interface may contain functions only")),
        })
        .collect::<Result<Vec<_>>>()?;

    let servant = generate_servant(item, &functions);
    let dispatch = generate_dispatcher(item, &functions);
    let client = generate_client(item, &functions);
    Ok(quote!(#servant #dispatch #client))
}

fn generate_servant(item: &ItemTrait, functions: &[Function]) -> TokenStream {
    let (attributes, visibility, ident) = (&item.attrs, &item.vis, &item.ident);
    let methods = functions.iter().map(|function| {
        let (docs, method, output, name) = (&function.docs, &function.ident, function.output(), &function.name);
        let inputs = function.inputs().map(|Parameter { ident, kind, .. }| quote!(#ident: #kind));
        let body = if function.defaulted {
            quote! {{ async { ::core::result::Result::Err(::tars::server::ServantError::no_function(#name)) } }}
        } else {
            quote!(;)
        };
        quote! {
            #(#docs)*
            #[allow(unused_variables, clippy::too_many_arguments)]
            fn #method(&self, __request: &::tars::server::Request, #(#inputs),*)
                -> impl ::core::future::Future<Output = ::core::result::Result<#output, ::tars::server::ServantError>> + ::core::marker::Send
            #body
        }
    });
    quote! {
        #(#attributes)*
        #visibility trait #ident: ::core::marker::Send + ::core::marker::Sync + 'static {
            #(#methods)*
        }
    }
}

fn generate_dispatcher(item: &ItemTrait, functions: &[Function]) -> TokenStream {
    let (visibility, ident) = (&item.vis, &item.ident);
    let dispatch = format_ident!("{ident}Dispatch");
    let docs = format!("Answers requests with the functions of a [`{ident}`].");
    let names = functions.iter().map(|function| &function.name);
    let arms = functions.iter().map(|function| {
        let (name, method) = (&function.name, &function.ident);
        let reads = function
            .inputs()
            .map(|Parameter { ident, name, tag, kind, .. }| quote!(let #ident: #kind = __arguments.get(#tag, #name)?;));
        let inputs: Vec<_> = function.inputs().map(|parameter| &parameter.ident).collect();
        let values = function.values();
        let writes = function.write_results(&values);
        quote! {
            #name => {
                let __body = async {
                    #[allow(unused_mut, unused_variables)]
                    let mut __arguments = __request.arguments()?;
                    #(#reads)*
                    ::core::mem::drop(__arguments);
                    #[allow(unused_parens, clippy::let_unit_value)]
                    let (#(#values),*) = self.0.#method(&__request, #(#inputs),*).await?;
                    #[allow(unused_mut)]
                    let mut __results = ::tars::args::Results::new(__request.version);
                    #writes
                    ::core::result::Result::Ok(__results.finish())
                };
                ::core::convert::From::from(__body.await)
            }
        }
    });
    quote! {
        #[doc = #docs]
        #[derive(Debug, Clone)]
        #visibility struct #dispatch<T>(
            /// The servant whose functions are called.
            pub T,
        );

        impl<T> #dispatch<T> {
            /// The names of all functions in the interface definition.
            pub const FUNCTIONS: &'static [&'static str] = &[#(#names),*];
        }

        impl<T: #ident> ::tars::server::Dispatch for #dispatch<T> {
            fn call(&self, __request: ::tars::server::Request) -> ::tars::server::AnswerFuture<'_> {
                ::std::boxed::Box::pin(async move {
                    match __request.func.as_str() {
                        #(#arms)*
                        other => ::tars::server::Response::from(::tars::server::ServantError::no_function(other)),
                    }
                })
            }
        }
    }
}

fn generate_client(item: &ItemTrait, functions: &[Function]) -> TokenStream {
    let (visibility, ident) = (&item.vis, &item.ident);
    let client = format_ident!("{ident}Client");
    let docs = format!("Calls the functions of a [`{ident}`] in another process.");
    let methods = functions.iter().map(|function| {
        let (docs, method, name, output) = (&function.docs, &function.ident, &function.name, function.output());
        let inputs = function.inputs().map(|Parameter { ident, kind, .. }| {
            let kind = borrow_type(kind);
            quote!(#ident: #kind)
        });
        let writes = function.inputs().map(|Parameter { ident, tag, kind, .. }| {
            if is_passed_by_value(kind) {
                quote!(__arguments.put(#tag, &#ident);)
            } else {
                quote!(__arguments.put(#tag, #ident);)
            }
        });
        let values = function.values();
        let reads = function.read_results(&values);
        quote! {
            #(#docs)*
            #[allow(unused_variables, unused_mut, clippy::too_many_arguments)]
            pub async fn #method(&self, #(#inputs),*) -> ::core::result::Result<#output, ::tars::client::CallError> {
                let mut __body = ::tars::bytes::BytesMut::new();
                let mut __arguments = ::tars::codec::Encoder::new(&mut __body);
                #(#writes)*
                let __answer = self.proxy.call_with(#name, __body.freeze(), &self.options).await?;
                let mut __results = ::tars::codec::Decoder::over(&__answer.body);
                #reads
                ::core::result::Result::Ok((#(#values),*))
            }
        }
    });
    quote! {
        #[doc = #docs]
        #[derive(Debug, Clone)]
        #visibility struct #client {
            proxy: ::tars::client::Proxy,
            options: ::tars::client::CallOptions,
        }

        impl #client {
            /// Calls the object of `proxy`.
            pub fn new(proxy: ::tars::client::Proxy) -> Self {
                Self { proxy, options: ::core::default::Default::default() }
            }

            /// The same client with other options for each call.
            #[must_use]
            pub fn with_options(&self, options: ::tars::client::CallOptions) -> Self {
                Self { proxy: self.proxy.clone(), options }
            }

            /// The proxy that the calls go through.
            pub fn proxy(&self) -> &::tars::client::Proxy {
                &self.proxy
            }

            #(#methods)*
        }
    }
}

impl Function {
    fn inputs(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|parameter| !parameter.out)
    }

    fn outputs(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|parameter| parameter.out)
    }

    /// The type that the Rust function returns: `()`, one type, or a tuple of the return value and all out-parameters.
    fn output(&self) -> TokenStream {
        let types = self.returns.iter().chain(self.outputs().map(|parameter| &parameter.kind));
        quote!((#(#types),*))
    }

    /// The variables that hold the return value and the out-parameters, in the order of [`Function::output`].
    fn values(&self) -> Vec<Ident> {
        let returned = self.returns.iter().map(|_| format_ident!("__returned"));
        returned.chain(self.outputs().map(|parameter| format_ident!("__out_{}", parameter.name))).collect()
    }

    fn write_results(&self, values: &[Ident]) -> TokenStream {
        let mut values = values.iter();
        let returned = self.returns.as_ref().and_then(|_| values.next()).map(|value| quote!(__results.put_return(&#value);));
        let outs = self
            .outputs()
            .zip(values)
            .map(|(Parameter { tag, name, .. }, value)| quote!(__results.put_out(#tag, #name, &#value);));
        quote!(#returned #(#outs)*)
    }

    fn read_results(&self, values: &[Ident]) -> TokenStream {
        let mut values = values.iter();
        let place = format!("result of {}", self.name);
        let returned = self.returns.as_ref().and_then(|_| values.next());
        let returned = returned.map(|value| quote!(let #value = __results.require(0).map_err(|error| error.within(#place))?;));
        let outs = self.outputs().zip(values).map(|(Parameter { tag, name, .. }, value)| {
            let place = format!("{place} > {name}");
            quote!(let #value = __results.require(#tag).map_err(|error| error.within(#place))?;)
        });
        quote!(#returned #(#outs)*)
    }
}

fn parse_function(item: &TraitItemFn) -> Result<Function> {
    let signature = &item.sig;
    if signature.asyncness.is_none() || item.default.is_some() || !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(signature, "a function of an interface is an `async fn` without body and generics"));
    }
    let mut inputs = signature.inputs.iter();
    if !matches!(inputs.next(), Some(FnArg::Receiver(_))) {
        return Err(Error::new_spanned(signature, "a function of an interface takes `&self` first"));
    }
    let mut defaulted = false;
    let name = parse_settings(&item.attrs, &mut defaulted)?.unwrap_or_else(|| to_lower_camel(&signature.ident.to_string()));
    let parameters = inputs.enumerate().map(|(index, input)| parse_parameter(index, input)).collect::<Result<_>>()?;
    let returns = match &signature.output {
        ReturnType::Default => None,
        ReturnType::Type(_, kind) => Some((**kind).clone()),
    };
    let docs = item.attrs.iter().filter(|attribute| !attribute.path().is_ident("tars")).cloned().collect();
    Ok(Function { docs, ident: signature.ident.clone(), name, defaulted, parameters, returns })
}

fn parse_parameter(index: usize, input: &FnArg) -> Result<Parameter> {
    let FnArg::Typed(typed) = input else { return Err(Error::new_spanned(input, "expected `name: Type`")) };
    let Pat::Ident(pattern) = &*typed.pat else { return Err(Error::new_spanned(&typed.pat, "expected a name")) };
    let Ok(tag) = u8::try_from(index + 1) else { return Err(Error::new_spanned(input, "there are only 255 parameters")) };
    let ident = pattern.ident.clone();
    let name = parse_settings(&typed.attrs, &mut false)?.unwrap_or_else(|| to_lower_camel(&ident.to_string()));
    let (out, kind) = match out_type(&typed.ty) {
        Some(kind) => (true, kind),
        None => (false, (*typed.ty).clone()),
    };
    Ok(Parameter { ident, name, tag, out, kind })
}

/// Reads the attributes `#[tars(name = "...")]` and `#[tars(default)]`; returns the name and sets `defaulted`.
fn parse_settings(attributes: &[Attribute], defaulted: &mut bool) -> Result<Option<String>> {
    let mut name = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("tars")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("name") {
                name = Some(meta.value()?.parse::<LitStr>()?.value());
            } else if meta.path.is_ident("default") {
                *defaulted = true;
            } else {
                return Err(meta.error("expected `name` or `default`"));
            }
            Ok(())
        })?;
    }
    Ok(name)
}

/// Returns the `T` of an out-parameter `Out<T>`.
fn out_type(kind: &Type) -> Option<Type> {
    type_argument(kind, "Out")
}

fn type_argument(kind: &Type, wrapper: &str) -> Option<Type> {
    let Type::Path(path) = kind else { return None };
    let segment = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match (segment.ident == wrapper, arguments.args.first()) {
        (true, Some(GenericArgument::Type(kind))) => Some(kind.clone()),
        _ => None,
    }
}

fn is_passed_by_value(kind: &Type) -> bool {
    let Type::Path(path) = kind else { return false };
    ["bool", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "f32", "f64"].iter().any(|name| path.path.is_ident(name))
}

/// Returns the type that an in-parameter has in the client: a reference, unless values are cheap to pass.
fn borrow_type(kind: &Type) -> TokenStream {
    if is_passed_by_value(kind) {
        return quote!(#kind);
    }
    if let Some(element) = type_argument(kind, "Vec") {
        return quote!(&[#element]);
    }
    match kind {
        Type::Path(path) if path.path.is_ident("String") => quote!(&str),
        other => quote!(&#other),
    }
}
