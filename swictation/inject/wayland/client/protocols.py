"""The protocols used here that pywayland does not include, as `wire.interfaces` reads them.

Names, order and types are those of the protocols' definitions, which are at
gitlab.freedesktop.org/wlroots: input-method-unstable-v2, virtual-keyboard-unstable-v1,
wlr-data-control-unstable-v1 and wlr-foreign-toplevel-management-unstable-v1; and of
ext-data-control-v1 in wayland-protocols, which has the second to last under other names.
Version 1 of each is enough. A request that is never sent has no arguments here: it only keeps its
place.
"""

from swictation.inject.wayland.client.wire import interfaces

INPUT_METHOD_TABLE = """
interface zwp_input_method_v2
event activate
event deactivate
event surrounding_text text:string cursor:uint anchor:uint
event text_change_cause cause:uint
event content_type hint:uint purpose:uint
event done
event unavailable
request commit_string text:string
request set_preedit_string
request delete_surrounding_text
request commit serial:uint
request get_input_popup_surface
request grab_keyboard
request destroy!

interface zwp_input_method_manager_v2
request get_input_method seat:object=wl_seat input_method:new=zwp_input_method_v2
request destroy!
"""

VIRTUAL_KEYBOARD_TABLE = """
interface zwp_virtual_keyboard_v1
request keymap format:uint fd:fd size:uint
request key time:uint key:uint state:uint
request modifiers depressed:uint latched:uint locked:uint group:uint
request destroy!

interface zwp_virtual_keyboard_manager_v1
request create_virtual_keyboard seat:object=wl_seat id:new=zwp_virtual_keyboard_v1
"""

_DATA_CONTROL_TABLE = """
interface {0}_manager_v1
request create_data_source id:new={0}_source_v1
request get_data_device id:new={0}_device_v1 seat:object=wl_seat
request destroy!

interface {0}_device_v1
event data_offer id:new={0}_offer_v1
event selection id:object?={0}_offer_v1
event finished
event primary_selection id:object?={0}_offer_v1
request set_selection source:object?={0}_source_v1
request destroy!
request set_primary_selection source:object?={0}_source_v1

interface {0}_source_v1
event send mime_type:string fd:fd
event cancelled
request offer mime_type:string
request destroy!

interface {0}_offer_v1
event offer mime_type:string
request receive mime_type:string fd:fd
request destroy!
"""
WLR_DATA_CONTROL_TABLE = _DATA_CONTROL_TABLE.format("zwlr_data_control")
EXT_DATA_CONTROL_TABLE = _DATA_CONTROL_TABLE.format("ext_data_control")

FOREIGN_TOPLEVEL_TABLE = """
interface zwlr_foreign_toplevel_manager_v1
event toplevel toplevel:new=zwlr_foreign_toplevel_handle_v1
event finished
request stop

interface zwlr_foreign_toplevel_handle_v1
event title title:string
event app_id app_id:string
event output_enter output:object=wl_output
event output_leave output:object=wl_output
event state state:array
event done
event closed
request set_maximized
request unset_maximized
request set_minimized
request unset_minimized
request activate
request close
request set_rectangle
request destroy!
"""

INPUT_METHOD_MANAGER = interfaces(INPUT_METHOD_TABLE)["zwp_input_method_manager_v2"]
VIRTUAL_KEYBOARD_MANAGER = interfaces(VIRTUAL_KEYBOARD_TABLE)["zwp_virtual_keyboard_manager_v1"]
DATA_CONTROL_MANAGERS = (
    interfaces(EXT_DATA_CONTROL_TABLE)["ext_data_control_manager_v1"],
    interfaces(WLR_DATA_CONTROL_TABLE)["zwlr_data_control_manager_v1"],
)
"""The standard one first."""
TOPLEVEL_MANAGER = interfaces(FOREIGN_TOPLEVEL_TABLE)["zwlr_foreign_toplevel_manager_v1"]
