"""What Django, and packages made for it, look for in the classes of a project while starting."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any

from ..swap.lookups import KnownClasses, Named

_mro_of: Any = type.__dict__["__mro__"].__get__
_namespace_of: Any = type.__dict__["__dict__"].__get__


def _not_media(_owner: type, name: str, _value: object) -> bool:
    """``MediaDefiningClass`` makes it where it is not defined."""
    return name != "media"


def _in_admin(_owner: type, name: str, _value: object) -> bool:
    return name != "list_select_related"


def _in_form(owner: type, name: str, value: object) -> bool:
    """``DeclarativeFieldsMetaclass`` collects fields, and what is None hides one of a base."""
    return (
        name != "media"
        and value is not None
        and not any(name in _attribute(one, "declared_fields") for one in _mro_of(owner))
    )


def _in_model(owner: type, name: str, _value: object) -> bool:
    """``ModelBase`` collects fields, and leaves out what has the name of one, or of its text."""
    if name.startswith("get_") and name.endswith("_display"):
        return False
    options = [_namespace_of(one).get("_meta") for one in _mro_of(owner)]
    fields = [
        field
        for one in options
        if one is not None
        for field in (*one.local_fields, *one.local_many_to_many, *one.private_fields)
    ]
    return all(name not in {field.name, getattr(field, "attname", "")} for field in fields)


def _alters_data(owner: type, name: str, _value: object) -> bool:
    """``AltersData`` takes a mark from methods of the same name in the bases of a class."""
    made_into_others = (
        _class("django.db.models.query", "QuerySet"),
        _class("django.db.models.manager", "BaseManager"),
    )
    values = [_namespace_of(one).get(name) for one in _mro_of(owner)]
    # The methods of querysets become methods of managers.
    return not any(one in made_into_others for one in _mro_of(owner)) and all(
        value is None or (type(value) is FunctionType and "alters_data" not in vars(value))
        for value in values
    )


def _handles_method(owner: type, name: str) -> bool:
    """``View.view_is_async`` looks for the handlers of all methods."""
    return any(name in _attribute(one, "http_method_names") for one in _mro_of(owner))


def _hides_action(owner: type, name: str) -> bool:
    """``ViewSetMixin.get_extra_actions`` finds what a decorator has marked, unless it is hidden."""
    values = [_namespace_of(one).get(name) for one in _mro_of(owner)]
    return any(type(value) is FunctionType and "mapping" in vars(value) for value in values)


def _is_option(owner: type, name: str) -> bool:
    """``Options.contribute_to_class`` looks for all options, in bases of ``Meta`` too."""
    options = sys.modules.get("django.db.models.options")
    return type(owner) is type and name in getattr(options, "DEFAULT_NAMES", ())


def _is_promised(owner: type, _name: str) -> bool:
    """``lazy()`` makes a class with all methods of others."""
    promise: Any = _class("django.utils.functional", "Promise")
    names = {name for one in _mro_of(owner)[:-1] for name in _namespace_of(one)}
    names = {name for name in names if name[:2] != "__"}
    return promise is not None and any(
        names <= {name for each in _mro_of(proxy) for name in _namespace_of(each)}
        for proxy in type.__subclasses__(promise)
    )


def _enables(_owner: type, name: str) -> bool:
    """``configure_cms_apps`` looks for what is named after an app."""
    return name.endswith("_enabled")


def _attribute(owner: type, name: str) -> tuple[object, ...]:
    found = _namespace_of(owner).get(name, ())
    return tuple(found) if isinstance(found, (dict, list, tuple, set, frozenset)) else ()


def _class(module: str, name: str) -> type | None:
    found = getattr(sys.modules.get(module), name, None)
    return found if isinstance(found, type) else None


def _named(text: str, *names: str) -> dict[Named, tuple[str, ...]]:
    module, *functions = text.split()
    return {(module, function): names for function in functions}


_HTTP_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
_WAGTAIL_VIEWS = (
    *(
        "",
        "add_",
        "choose_",
        "choose_parent_",
        "chosen_",
        "common_",
        "copy_",
        "create_",
        "delete_",
        "edit_",
    ),
    *("history_", "index_", "index_results_", "inspect_", "reorder_", "unpublish_", "usage_"),
)
_ACTIONS = ("list", "create", "retrieve", "update", "partial_update", "destroy")

CLASSES = KnownClasses(
    made_by={
        ("django.forms.widgets", "MediaDefiningClass"): _not_media,
        ("django.contrib.admin.options", "ModelAdmin"): _in_admin,
        ("django.forms.forms", "DeclarativeFieldsMetaclass"): _in_form,
        ("django.forms.models", "ModelFormMetaclass"): _in_form,
        ("django.db.models.base", "ModelBase"): _in_model,
        ("django.db.models.utils", "AltersData"): _alters_data,
    },
    readers={
        # Modules, settings, connections, and what stands for another object.
        **_named("django.apps.config AppConfig.create"),
        **_named("django.conf LazySettings.__getattr__ Settings.__init__"),
        **_named("django.contrib.admin.options ModelAdmin.__init_subclass__"),
        **_named("django.contrib.auth.apps AuthConfig.ready", "last_login"),
        **_named("django.core.management.base BaseCommand.run_from_argv"),
        **_named("django.utils.connection BaseConnectionHandler.__getitem__"),
        **_named("django.utils.connection BaseConnectionHandler.all"),
        **_named("django.utils.connection ConnectionProxy.__getattr__"),
        **_named("django.utils.functional LazyObject LazyObject.__getattribute__"),
        **_named("django.utils.module_loading cached_import"),
        **_named("django.utils.translation Trans.__getattr__"),
        # Namespaces of instances.
        **_named("django.db.models.fields Field.__copy__ Field.get_choices"),
        **_named("django.db.models.fields.related ForeignObject.__copy__"),
        **_named("django.db.models.query_utils DeferredAttribute.__get__"),
        **_named("django.db.models.sql.query Query.clone"),
        **_named("django.urls.resolvers LocaleRegexDescriptor.__get__"),
        **_named("django.urls.resolvers LocaleRegexRouteDescriptor.__get__"),
        **_named("django.utils.functional cached_property.__get__"),
        # Lookups by ``class_lookups`` alone.
        **_named("django.db.models.fields.related ForeignObject.get_class_lookups"),
        **_named("django.db.models.query_utils RegisterLookupMixin.get_class_lookups"),
        **_named("django.db.models.query_utils RegisterLookupMixin.register_class_lookup"),
        # As is said in the functions above.
        **_named("django.db.models.base ModelBase.__new__"),
        **_named("django.db.models.fields Field.contribute_to_class"),
        **_named("django.db.models.manager BaseManager._get_queryset_methods"),
        **_named(
            "django.db.models.manager"
            " BaseManager._get_queryset_methods.<locals>.create_method.<locals>.manager_method"
        ),
        **_named("django.db.models.options Options.contribute_to_class"),
        **_named("django.db.models.options Options._populate_directed_relation_graph"),
        **_named("django.db.models.utils AltersData.__init_subclass__"),
        **_named("django.forms.forms DeclarativeFieldsMetaclass.__new__"),
        **_named("django.forms.models ModelFormMetaclass.__new__"),
        **_named("django.utils.decorators method_decorator.<locals>._dec"),
        **_named("django.utils.functional lazy"),
        **_named("django.utils.html html_safe"),
        **_named("django.views.generic.base View.as_view"),
        **_named("django.views.generic.base View.view_is_async", *_HTTP_METHODS),
        **_named("django.template.defaultfilters stringfilter.<locals>._dec"),
        **_named("django.utils.functional lazy.<locals>.__wrapper__"),
        # Other packages.
        **_named("allauth.account.internal.flows.signup base_signup_form_class", "signup"),
        **_named("cms.app_registration _find_subclasses configure_cms_apps"),
        **_named("cms.utils.request_ip_resolvers get_request_ip_resolver"),
        **_named("django_stubs_ext.patch _make_class_getitem.<locals>.__class_getitem__"),
        **_named("django_tables2.tables TableOptions._check_types"),
        **_named("haystack.utils _lookup_identifier_method"),
        **_named("haystack.utils.loading import_class"),
        **_named("oscar.core.loading _pluck_classes"),
        **_named("rest_framework.relations method_overridden", "get_queryset"),
        **_named("rest_framework.routers SimpleRouter.get_method_map", *_ACTIONS),
        **_named("rest_framework.routers SimpleRouter.get_urls", "basename", "detail"),
        **_named("rest_framework.viewsets ViewSetMixin.as_view"),
        # Those that are marked by a decorator.
        **_named("rest_framework.viewsets ViewSetMixin.get_extra_actions"),
        **_named("wagtail.admin.viewsets.base ViewSet.construct_view ViewSet.inject_view_methods"),
        **_named("wagtail.blocks.base DeclarativeSubBlocksMetaclass.__new__"),
        **_named("wagtail.users.wagtail_hooks get_viewset_cls", "group_viewset", "user_viewset"),
        **_named("willow.registry WillowRegistry.register_image_class"),
    },
    given=frozenset(
        {
            *("as_view", "method_decorator", "method_overridden", "Route", "DynamicRoute"),
            *("construct_view", "inject_view_methods"),
            *(f"get_{what}view_kwargs" for what in _WAGTAIL_VIEWS),
        }
    ),
    unpacked=frozenset({"as_view"}),
    looked_at=(_handles_method, _hides_action, _is_option, _is_promised, _enables),
)
