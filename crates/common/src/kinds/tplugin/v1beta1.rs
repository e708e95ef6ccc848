//! TPlugin v1beta1.

super::object!(v1beta1);
super::spec!({});
