"""Count how many calls a frame costs, and through how many hands a value goes: ``python -m benchmarks.hand_overs``.

Three counts, each printed with the list it was counted from. Only functions whose file lies under ``engine/`` count.
``--tree FOLDER`` counts in another checkout, an older one too.

ENGINE CALLS A FRAME: Python's own "call" events (``sys.setprofile``) in the main thread, comprehensions and the steps
of generators included, from one step of the loop's ``for`` to the next; the median of 100 frames of ``vj bench`` with
the default preset, after 20 frames. Python 3.11 is the yardstick: 3.12 calls no comprehensions.

FRAMES BETWEEN LOOP AND MODEL: the Python frames on the stack below ``loop.perform``, down to and with the model's own
``__call__`` (the first one in ``engine/generator/``), when a frame is generated.

HAND-OVERS from a sound to a pixel and from a CC to a pixel, in one frame of ``vj live`` (a JACK server without
hardware, a client that clicks, another that turns a knob). The way is cut where the value is turned into another one
(a block into features, features into parameters, parameters into ws, ws into a frame, the frame into a texture, the
texture into the picture). For every such stage the stack is taken at the moment when its value comes into being: from
``loop.perform``, or a thread's first engine function, to the function that makes the value (the innermost one that
constructs or returns that very object, or that calls OpenGL). What goes on inside the object that makes it, and what
happens beside the way (trace, overlay, governor), is not on the stack and does not count.

    calls       every call on these stacks from one object to another. A method that calls its own object, a function
                that calls one of its own module, a method of the value itself, and a comprehension, are no other
                object. A closure or a lambda belongs to the object whose method wrote it.
    hand-overs  the objects that the value comes to, each counted once, when it comes there first. A value that is
                handed back to an object it has been at (Picture, Faults, Picture again) makes a call, no hand-over.
"""
