package PVE::Foresight::Rights;

# What the caller may see: nodes by Sys.Audit on /nodes/NODE, guests by VM.Audit on /vms/VMID, as
# everywhere in PVE.

use v5.36;

use JSON;

use PVE::RPCEnvironment;
use PVE::Tools qw(file_get_contents);

use PVE::Foresight;

sub of_caller($class) {
    my $rpcenv = PVE::RPCEnvironment::get();
    return bless { rpcenv => $rpcenv, user => $rpcenv->get_user(), node => {}, guest => {} }, $class;
}

sub node($self, $node) {
    return $self->{node}->{$node} //=
        $self->{rpcenv}->check($self->{user}, "/nodes/$node", ['Sys.Audit'], 1) ? 1 : 0;
}

sub guest($self, $vmid) {
    return $self->{guest}->{$vmid} //=
        $self->{rpcenv}->check($self->{user}, "/vms/$vmid", ['VM.Audit'], 1) ? 1 : 0;
}

# Who there is is pmxcfs' to say, and when it does not say, that is not known.
my sub told($file) {
    my $told = eval { decode_json(file_get_contents("$PVE::Foresight::CLUSTER_DIR/$file", 8 << 20)) };
    return ref($told) eq 'HASH' ? $told : undef;
}

# Numbers of the cluster's guests.
my sub guests() {
    my $list = told('.vmlist') // return undef;
    return [keys(($list->{ids} // {})->%*)];
}

# Names of its nodes; one that stands alone has no list.
my sub nodes() {
    my $members = told('.members') // return undef;
    return [keys($members->{nodelist}->%*)] if ref($members->{nodelist}) eq 'HASH';
    return defined($members->{nodename}) ? [$members->{nodename}] : undef;
}

# Those that may not be seen. Sentences about the whole cluster may name any of them.
sub hidden_guests($self) {
    my $guests = guests() // return undef;
    return [grep { !$self->guest($_) } @$guests];
}

sub hidden_nodes($self) {
    my $nodes = nodes() // return undef;
    return [grep { !$self->node($_) } @$nodes];
}

# Whether every guest may be seen; not while it is not known who there is.
sub every_guest($self) {
    return $self->{every_guest} //= do {
        my $hidden = $self->hidden_guests();
        $hidden && !@$hidden ? 1 : 0;
    };
}

# Those that may be seen, where they are a few out of more; undef where they are all or many, or that is not known.
sub few_guests($self, $most) {
    my $guests = guests() // return undef;
    my @visible = sort { $a <=> $b } grep { $self->guest($_) } @$guests;
    return @visible <= $most && @visible < @$guests ? \@visible : undef;
}

# Whether any node may be seen, as far as that is known.
sub any_node($self) {
    my $nodes = nodes() // return 1;
    return scalar(grep { $self->node($_) } @$nodes) ? 1 : 0;
}

# Takes out of lists, at any depth, whatever is about a guest that the caller may not see. Returns how
# many entries that were.
sub prune($self, $data) {
    my $withheld = 0;
    if (ref($data) eq 'ARRAY') {
        my @kept = grep { !(ref($_) eq 'HASH' && defined($_->{vmid}) && !$self->guest($_->{vmid})) } @$data;
        $withheld += @$data - @kept;
        @$data = @kept;
        $withheld += $self->prune($_) for @kept;
    } elsif (ref($data) eq 'HASH') {
        $withheld += $self->prune($_) for grep { ref } values %$data;
    }
    return $withheld;
}

1;
