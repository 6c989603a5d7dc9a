package PVE::API2::Foresight::Index;

# The index of a directory of the API: the names of what is below it, for any user.

use v5.36;

sub method($description, @names) {
    return {
        name => 'index',
        path => '',
        method => 'GET',
        description => $description,
        permissions => { user => 'all' },
        parameters => { additionalProperties => 0, properties => {} },
        returns => {
            type => 'array',
            items => {
                type => 'object',
                properties => { name => { type => 'string', description => "Name of the entry." } },
            },
            links => [{ rel => 'child', href => "{name}" }],
        },
        code => sub ($param) {
            return [map { +{ name => $_ } } @names];
        },
    };
}

1;
