//! TPlugin v1beta2.

super::object!(v1beta2);
super::spec!({
    /// Whether the plugin is outside of the framework.
    #[serde(default, deserialize_with = "crate::lenient::optional_integer", skip_serializing_if = "Option::is_none")]
    pub r#extern: Option<i32>,
});
