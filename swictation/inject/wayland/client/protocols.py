"""The protocols used here that pywayland does not include, as `wire.interfaces` reads them.

Names, order and types are those of the protocols' definitions, which are at
gitlab.freedesktop.org/wlroots: input-method-unstable-v2, virtual-keyboard-unstable-v1,
wlr-data-control-unstable-v1 and wlr-foreign-toplevel-management-unstable-v1; and of
ext-data-control-v1 in wayland-protocols, which has the second to last under other names.
"""

from swictation.inject.wayland.client.wire import interfaces

INPUT_METHOD_TABLE = """
interface zwp_input_method_v2 1
event activate
event deactivate
event surrounding_text text:string cursor:uint anchor:uint
event text_change_cause cause:uint
event content_type hint:uint purpose:uint
event done
event unavailable
request commit_string text:string
request set_preedit_string text:string cursor_begin:int cursor_end:int
request delete_surrounding_text before_length:uint after_length:uint
request commit serial:uint
request get_input_popup_surface id:new=zwp_input_popup_surface_v2 surface:object=wl_surface
request grab_keyboard keyboard:new=zwp_input_method_keyboard_grab_v2
request destroy!

interface zwp_input_popup_surface_v2 1
event text_input_rectangle x:int y:int width:int height:int
request destroy!

interface zwp_input_method_keyboard_grab_v2 1
event keymap format:uint fd:fd size:uint
event key serial:uint time:uint key:uint state:uint
event modifiers serial:uint depressed:uint latched:uint locked:uint group:uint
event repeat_info rate:int delay:int
request release!

interface zwp_input_method_manager_v2 1
request get_input_method seat:object=wl_seat input_method:new=zwp_input_method_v2
request destroy!
"""

VIRTUAL_KEYBOARD_TABLE = """
interface zwp_virtual_keyboard_v1 1
request keymap format:uint fd:fd size:uint
request key time:uint key:uint state:uint
request modifiers depressed:uint latched:uint locked:uint group:uint
request destroy!

interface zwp_virtual_keyboard_manager_v1 1
request create_virtual_keyboard seat:object=wl_seat id:new=zwp_virtual_keyboard_v1
"""

_DATA_CONTROL_TABLE = """
interface {0}_manager_v1 {1}
request create_data_source id:new={0}_source_v1
request get_data_device id:new={0}_device_v1 seat:object=wl_seat
request destroy!

interface {0}_device_v1 {1}
event data_offer id:new={0}_offer_v1
event selection id:object?={0}_offer_v1
event finished
event{2} primary_selection id:object?={0}_offer_v1
request set_selection source:object?={0}_source_v1
request destroy!
request{2} set_primary_selection source:object?={0}_source_v1

interface {0}_source_v1 1
event send mime_type:string fd:fd
event cancelled
request offer mime_type:string
request destroy!

interface {0}_offer_v1 1
event offer mime_type:string
request receive mime_type:string fd:fd
request destroy!
"""
WLR_DATA_CONTROL_TABLE = _DATA_CONTROL_TABLE.format("zwlr_data_control", 2, "@2")
EXT_DATA_CONTROL_TABLE = _DATA_CONTROL_TABLE.format("ext_data_control", 1, "")

FOREIGN_TOPLEVEL_TABLE = """
interface zwlr_foreign_toplevel_manager_v1 3
event toplevel toplevel:new=zwlr_foreign_toplevel_handle_v1
event finished
request stop

interface zwlr_foreign_toplevel_handle_v1 3
event title title:string
event app_id app_id:string
event output_enter output:object=wl_output
event output_leave output:object=wl_output
event state state:array
event done
event closed
event@3 parent parent:object?=zwlr_foreign_toplevel_handle_v1
request set_maximized
request unset_maximized
request set_minimized
request unset_minimized
request activate seat:object=wl_seat
request close
request set_rectangle surface:object=wl_surface x:int y:int width:int height:int
request destroy!
request@2 set_fullscreen output:object?=wl_output
request@2 unset_fullscreen
"""

INPUT_METHOD_MANAGER = interfaces(INPUT_METHOD_TABLE)["zwp_input_method_manager_v2"]
VIRTUAL_KEYBOARD_MANAGER = interfaces(VIRTUAL_KEYBOARD_TABLE)["zwp_virtual_keyboard_manager_v1"]
DATA_CONTROL_MANAGERS = (
    interfaces(EXT_DATA_CONTROL_TABLE)["ext_data_control_manager_v1"],
    interfaces(WLR_DATA_CONTROL_TABLE)["zwlr_data_control_manager_v1"],
)
"""The standard one first."""
TOPLEVEL_MANAGER = interfaces(FOREIGN_TOPLEVEL_TABLE)["zwlr_foreign_toplevel_manager_v1"]
